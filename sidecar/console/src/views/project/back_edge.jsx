// An edge that leads back, beside the nodes instead of behind them.
import { BaseEdge } from '@xyflow/react';

import { backWay } from './routes.js';

export function BackEdge({ sourceX, sourceY, targetX, targetY, data, label, markerEnd, interactionWidth }) {
  const { path, labelX, labelY } = backWay({ sourceX, sourceY, targetX, targetY, lane: data.lane });
  return <BaseEdge path={path} {...{ label, labelX, labelY, markerEnd, interactionWidth }} />;
}
