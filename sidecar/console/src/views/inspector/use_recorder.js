// The recorder of this pane's client, drawn anew when it has something new and is not held.
import { useCallback, useSyncExternalStore } from 'react';

import { useRealtime } from '@wrk-copilot/realtime/react';

import { metricsPoll } from './metrics.js';
import { recorderOf } from './recorder.js';

export function useRecorder() {
  const recorder = recorderOf(useRealtime());
  useSyncExternalStore(
    useCallback((changed) => recorder.subscribe(changed), [recorder]),
    () => recorder.version,
  );
  return recorder;
}

export function useMetrics() {
  const points = useSyncExternalStore(metricsPoll.subscribe, metricsPoll.get);
  return { points, families: metricsPoll.families, error: metricsPoll.error };
}
