// The gateway's own figures of the last five minutes, as curves or as a table.
import { useState } from 'react';

import { Chart } from '../../parts/chart.jsx';
import { ErrorLine } from '../../parts/error_line.jsx';
import { clock } from '../../parts/time.jsx';
import { charts } from './metrics.js';
import { useMetrics } from './use_recorder.js';

const ROWS = 12;

function curveOf(points, key, name) {
  return points.map(({ at, values }) => ({ at, value: values[`${key} ${name}`] ?? null }));
}

function Table({ points }) {
  const lines = charts.flatMap(({ key, title, unit, lines: of }) => of.map(({ name }) => ({ id: `${key} ${name}`, title: `${title}, ${name}`, unit })));
  const shown = points.slice(-ROWS).reverse();
  return (
    <div className="inspector-table-box" tabIndex={0} role="group" aria-label="Metrics as a table">
      <table className="inspector-table">
        <thead>
          <tr>
            <th scope="col">Metric</th>
            {shown.map(({ at }) => (
              <th key={at} scope="col" className="number">
                {new Date(at).toLocaleTimeString([], { hourCycle: 'h23' })}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {lines.map(({ id, title, unit }) => (
            <tr key={id}>
              <th scope="row">{title}</th>
              {shown.map(({ at, values }) => (
                <td key={at} className="number">
                  {values[id] === null || values[id] === undefined ? '–' : unit(values[id])}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function Gateway() {
  const { points, error } = useMetrics();
  const [isTable, setTable] = useState(false);
  return (
    <div role="group" className="inspector-gateway" aria-label="Gateway">
      <div className="inspector-tools">
        <p className="inspector-soft">
          Updated every 2 seconds
          {points.length > 0 && `, since ${clock(new Date(points[0].at))}`}
        </p>
        <button type="button" className="button quiet small" aria-pressed={isTable} onClick={() => setTable(!isTable)}>
          {isTable ? 'Show charts' : 'Show table'}
        </button>
      </div>
      <ErrorLine error={error} what="The gateway's metrics could not be loaded." />
      {isTable ? (
        <Table points={points} />
      ) : (
        <div className="inspector-charts" role="group" aria-label="Charts" tabIndex={0}>
          {charts.map(({ key, title, unit, least, isSwitch, lines }) => (
            <Chart
              key={key}
              title={title}
              unit={unit}
              least={least}
              isSwitch={isSwitch}
              lines={lines.map(({ name }) => ({ name, points: curveOf(points, key, name) }))}
            />
          ))}
        </div>
      )}
    </div>
  );
}
