// The canvas shows all of the document in the room that it has, again whenever that changes: until somebody moves the
// view. Where all of it could not be read, it shows the beginning.
import { useCallback, useLayoutEffect, useRef } from 'react';

import { useReactFlow, useStore, useStoreApi } from '@xyflow/react';

import { drawnIn, viewOf } from './fit.js';

const widthOf = ({ width }) => width;
const heightOf = ({ height }) => height;
const isSame = (a, b) => a.x === b.x && a.y === b.y && a.zoom === b.zoom;

/** Gives a function that shows all of it. isMany: too much to be read at once; hasSheet: a form may lie at the foot. */
export function useFit({ isMany, hasSheet }) {
  const { getViewport, setViewport, getNodes, getEdges, getNodesBounds } = useReactFlow();
  const store = useStoreApi();
  const width = useStore(widthOf);
  const height = useStore(heightOf);
  const ours = useRef(null); // the view as it was put here; another one is somebody's own
  const isWhole = useRef(false); // somebody has asked for all of it

  const fit = useCallback(() => {
    const size = store.getState();
    const nodes = getNodes();
    if (nodes.length === 0 || size.width === 0 || size.height === 0) return;
    setViewport(viewOf(drawnIn(getNodesBounds(nodes), getEdges()), size, { isMany, hasSheet, isWhole: isWhole.current }));
    ours.current = getViewport();
  }, [store, isMany, hasSheet, getViewport, setViewport, getNodes, getEdges, getNodesBounds]);

  useLayoutEffect(() => {
    if (ours.current === null || isSame(ours.current, getViewport())) fit();
  }, [width, height, fit, getViewport]);

  return useCallback(() => {
    isWhole.current = true;
    fit();
  }, [fit]);
}
