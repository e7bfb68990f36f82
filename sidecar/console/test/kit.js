// What tests have in a page beside the page itself: the client's own parts, as window.WrkKit.
export { createRealtimeClient } from '@wrk-copilot/realtime';
export { BlueprintStore, strip } from '@wrk-copilot/realtime/documents';
