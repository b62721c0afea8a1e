module.exports = {
  testMatch: ["<rootDir>/*.test.cjs"],
  setupFilesAfterEnv: ["ws-mock-server/jest"],
  transform: {},
  maxWorkers: 2,
};
