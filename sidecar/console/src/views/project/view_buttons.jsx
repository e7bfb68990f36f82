// Nearer, farther, all of it.
import { Panel, useReactFlow, useStore } from '@xyflow/react';

import { IconButton } from '../../parts/icon_button.jsx';
import { useFit } from './use_fit.js';
import { useZoomProperty } from './use_zoom_property.js';

const isNearest = ({ transform, maxZoom }) => transform[2] >= maxZoom;
const isFarthest = ({ transform, minZoom }) => transform[2] <= minZoom;

export function ViewButtons({ isMany, hasSheet = true }) {
  const { zoomIn, zoomOut } = useReactFlow();
  const fitAll = useFit({ isMany, hasSheet });
  useZoomProperty();
  return (
    <Panel position="top-left" className="view-buttons" role="group" aria-label="View">
      <IconButton icon="zoom_in" label="Zoom in" onClick={() => zoomIn()} why={useStore(isNearest) ? 'this is as near as it gets' : undefined} />
      <IconButton icon="zoom_out" label="Zoom out" onClick={() => zoomOut()} why={useStore(isFarthest) ? 'this is as far as it gets' : undefined} />
      <IconButton icon="fit" label="Fit to view" onClick={fitAll} />
    </Panel>
  );
}
