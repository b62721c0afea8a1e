const { once } = require("node:events");
const WebSocket = require("ws");

exports.open = async (url) => {
  const socket = new WebSocket(url);
  await once(socket, "open");
  return socket;
};
