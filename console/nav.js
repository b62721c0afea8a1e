// The address keeps the view and its filter: a reload or a shared link shows the same.

export const VIEWS = ["Messages", "Data", "Time", "Connections", "Faults", "Scenario"];

function read() {
  const [view, query] = location.hash.replace(/^#\/?/, "").split("?");
  return { view: VIEWS.find((name) => name.toLowerCase() === view) ?? "Messages", params: new URLSearchParams(query ?? "") };
}

export const place = read();
addEventListener("popstate", () => Object.assign(place, read()));

/** @param {string} view @param {Record<string, string> | URLSearchParams} params */
export function href(view, params = {}) {
  const query = new URLSearchParams(params).toString();
  return `#/${view.toLowerCase()}${query ? `?${query}` : ""}`;
}

/** Shows a view. @param {string} view @param {Record<string, string>} params */
export function go(view, params = {}) {
  if (href(view, params) !== location.hash) history.pushState(null, "", href(view, params));
  dispatchEvent(new PopStateEvent("popstate"));
}

/** Notes a detail of the view in the address; an empty one is removed. @param {string} name @param {string} value */
export function note(name, value) {
  if (value) place.params.set(name, value);
  else place.params.delete(name);
  history.replaceState(null, "", href(place.view, place.params));
}

/** To a line of the scenario: `stations.yaml:84`. @param {string} source */
export function goSource(source) {
  const [file, line] = source.split(/:(?=\d+$)/);
  go("Scenario", { file, line });
}
