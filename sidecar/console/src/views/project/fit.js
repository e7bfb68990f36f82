// How a drawing is fitted into a canvas.

const NARROW = 480; // px of width
const LEAST = 0.2; // zoom; who sees all of it smaller can read nothing
const LEGIBLE = 0.4;
const NEAREST = 1;
const FARTHEST = 0.05;
const ABOVE = 44; // px
const SHEET = 190; // px at the foot, for the properties of what is selected
const BESIDE_LANE = 12; // px that the label of an edge takes, on both sides of its lane

// What is kept free around the drawing in a canvas of this size.
function paddingIn({ width, height }, hasSheet) {
  const foot = hasSheet ? Math.min(SHEET, Math.max(height * 0.3, ABOVE)) : ABOVE;
  return { side: width < NARROW ? 16 : 28, top: ABOVE, bottom: foot };
}

/** The bounds of nodes, and of the edges that lead around them. */
export function drawnIn({ x, y, width, height }, edges) {
  const lanes = edges.filter(({ type }) => type === 'back').map(({ data }) => data.lane);
  const top = Math.min(y, ...lanes.map((lane) => lane - BESIDE_LANE));
  const bottom = Math.max(y + height, ...lanes.map((lane) => lane + BESIDE_LANE));
  return { x, y: top, width, height: bottom - top };
}

/**
 * The view { x, y, zoom } that shows what is within bounds in a canvas of width and height: in the middle of what is
 * free; or, where that could not be read, its beginning. isMany: so much that all of it never could; isWhole: all the same
 */
export function viewOf(bounds, { width, height }, { isMany = false, isWhole = false, hasSheet = true } = {}) {
  const { side, top, bottom } = paddingIn({ width, height }, hasSheet);
  const free = { width: width - 2 * side, height: height - top - bottom };
  const wanted = Math.min(free.width / bounds.width, free.height / bounds.height, NEAREST);
  const isLegible = wanted >= (isMany ? LEGIBLE : LEAST);
  const zoom = isWhole ? Math.max(wanted, FARTHEST) : isLegible ? wanted : LEGIBLE;
  const beside = Math.max((free.width - bounds.width * zoom) / 2, 0);
  return {
    x: side + beside - bounds.x * zoom,
    y: top + free.height / 2 - (bounds.y + bounds.height / 2) * zoom,
    zoom,
  };
}
