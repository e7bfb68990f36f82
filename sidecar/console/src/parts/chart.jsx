// A small chart: one or two curves over the last five minutes, the value of now and the highest. What it shows is
// said in its label; the pointer reads single values.
import './chart.css';
import { useState } from 'react';

import { pathOf, roundUp } from './curve.js';

const WIDTH = 300;
const HEIGHT = 72;
const SPAN_MS = 5 * 60 * 1000;
const SPAN_LEAST_MS = 60 * 1000;

const known = (points) => points.filter(({ value }) => value !== null);
const latest = (points) => points.at(-1)?.value ?? null;

function sayAll(title, lines, unit) {
  const each = lines.map(({ name, points }) => {
    const values = known(points).map(({ value }) => value);
    if (values.length === 0) return `${name} not known`;
    return `${name} ${latest(points) === null ? 'not known' : unit(latest(points))} now, ${unit(Math.max(...values))} at most`;
  });
  return `${title} in the last five minutes: ${each.join('; ')}`;
}

// The point nearest to the pointer.
function usePointer(points, from, to) {
  const [at, setAt] = useState(null);
  const near = at === null || points.length === 0 ? -1 : points.reduce((best, one, i) => (Math.abs(one.at - at) < Math.abs(points[best].at - at) ? i : best), 0);
  return {
    near,
    onPointerMove: ({ currentTarget, clientX }) => {
      const { left, width } = currentTarget.getBoundingClientRect();
      setAt(from + ((clientX - left) / width) * (to - from));
    },
    onPointerLeave: () => setAt(null),
  };
}

export function Chart({ title, unit, least, lines, isSwitch = false }) {
  const points = lines[0].points;
  const to = points.at(-1)?.at ?? 0;
  const from = Math.max(to - SPAN_MS, Math.min(points[0]?.at ?? 0, to - SPAN_LEAST_MS));
  const highest = Math.max(least, ...lines.flatMap((line) => known(line.points).map(({ value }) => value)));
  const top = isSwitch ? 1 : roundUp(highest);
  const { near, ...pointer } = usePointer(points, from, to);
  const valueOf = ({ points: of }) => (near < 0 ? latest(of) : of[near].value);
  const box = { from, to, top, width: WIDTH, height: HEIGHT };
  return (
    <figure className="chart" data-chart={title}>
      <figcaption>
        <span className="chart-title">{title}</span>
        <span className="chart-values">
          {lines.map((line, i) => (
            <span key={line.name} className="chart-value" data-line={i}>
              {lines.length > 1 && <i aria-hidden="true" />}
              {lines.length > 1 && <small>{line.name}</small>}
              <b>{valueOf(line) === null ? '–' : unit(valueOf(line))}</b>
            </span>
          ))}
        </span>
      </figcaption>
      <div className="chart-plot">
        <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={sayAll(title, lines, unit)} {...pointer}>
          <path className="chart-grid" d={`M0 0.5H${WIDTH}M0 ${HEIGHT / 2}H${WIDTH}M0 ${HEIGHT - 0.5}H${WIDTH}`} />
          {[...lines].reverse().map(({ name, points: of }, i) => {
            const { line, area } = pathOf(of, box);
            return (
              <g key={name} data-line={lines.length - 1 - i}>
                <path className="chart-area" d={area} />
                <path className="chart-line" d={line} />
              </g>
            );
          })}
          {near >= 0 && <path className="chart-cursor" d={`M${(((points[near].at - from) / (to - from)) * WIDTH).toFixed(1)} 0V${HEIGHT}`} />}
        </svg>
        {!isSwitch && <span className="chart-top">{unit(top)}</span>}
      </div>
    </figure>
  );
}
