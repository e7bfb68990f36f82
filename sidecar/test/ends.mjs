// The end of a test's process. Node (seen with 20.20) may spin for ever while it takes a process apart whose event loop has
// ended: uv_run() waits for a handle that is gone. Nothing is left to be said by then, so it ends without that.
process.once('beforeExit', () => process.on('exit', () => process.exit()));
