// The way of an edge that leads back to where it came from or before: out of its source, along a lane that no node is
// in, into its target. Edges that lead forward need none.
import { CARD } from './card.js';

const OUT = 26; // px beside a node before the way turns: half of what editors leave between two
const CLEAR = 34; // px of a lane from the nodes above or below it
const TIGHT = 10; // px that a way keeps from any node
const ROUND = 12; // radius of its corners

const boxOf = ({ x, y }) => ({ left: x, right: x + CARD.width, top: y, bottom: y + CARD.height });
const middle = ({ y }) => y + CARD.height / 2;

export const leadsBack = (source, target) => target.x < source.x + CARD.width / 2;

const isFree = (boxes, left, right, top, bottom) =>
  !boxes.some((box) => box.left < right && box.right > left && box.top < bottom && box.bottom > top);

/** The y of the lane. source, target: where the nodes are; others: where all of them are, these two as well. */
export function laneOf(source, target, others) {
  const [right, left] = [source.x + CARD.width + OUT, target.x - OUT];
  const [from, to] = [middle(source), middle(target)];
  const boxes = others.map(boxOf).filter((box) => box.right > left - TIGHT && box.left < right + TIGHT);
  const isWay = (y) =>
    isFree(boxes, left, right, y - TIGHT, y + TIGHT) &&
    isFree(boxes, right - 1, right + 1, Math.min(y, from), Math.max(y, from)) &&
    isFree(boxes, left - 1, left + 1, Math.min(y, to), Math.max(y, to));
  const below = Math.max(...boxes.map(({ bottom }) => bottom)) + CLEAR;
  const lanes = boxes.flatMap(({ top, bottom }) => [bottom + CLEAR, top - CLEAR]);
  const lengthOf = (y) => Math.abs(y - from) + Math.abs(y - to);
  return lanes.filter(isWay).sort((a, b) => lengthOf(a) - lengthOf(b) || b - a)[0] ?? below;
}

// A line through points, its corners rounded as far as there is room.
function rounded(points) {
  const parts = points.slice(1, -1).map(([x, y], i) => {
    const [before, after] = [points[i], points[i + 2]];
    const reach = ([px, py]) => Math.min(ROUND, Math.hypot(px - x, py - y) / 2);
    const r = Math.min(reach(before), reach(after));
    const near = ([px, py]) => `${x + Math.sign(px - x) * r} ${y + Math.sign(py - y) * r}`;
    return `L${near(before)}Q${x} ${y} ${near(after)}`;
  });
  return `M${points[0].join(' ')}${parts.join('')}L${points.at(-1).join(' ')}`;
}

/** A path for SVG, and where its label lies. */
export function backWay({ sourceX, sourceY, targetX, targetY, lane }) {
  const [right, left] = [sourceX + OUT, targetX - OUT];
  const path = rounded([
    [sourceX, sourceY],
    [right, sourceY],
    [right, lane],
    [left, lane],
    [left, targetY],
    [targetX, targetY],
  ]);
  return { path, labelX: (left + right) / 2, labelY: lane };
}
