"use strict";
// Finds the binary: `WS_MOCK_BINARY`, else the one in the package of this platform.

const name = `ws-mock-server-${process.platform}-${process.arch}`;

module.exports = function binary() {
  if (process.env.WS_MOCK_BINARY) return process.env.WS_MOCK_BINARY;
  try {
    return require.resolve(`${name}/bin/ws-mock${process.platform === "win32" ? ".exe" : ""}`);
  } catch {
    throw new Error(
      `the package \`${name}\` with the binary of this machine is not installed\n` +
        "hint: install without `--omit=optional` or `--no-optional`, or name a binary in `WS_MOCK_BINARY`",
    );
  }
};
