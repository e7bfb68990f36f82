// A line of the last values, for their course only.
import './chart.css';

const WIDTH = 100;
const HEIGHT = 28;

export function Spark({ values }) {
  if (values.length < 2) return <svg className="spark" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden="true" />;
  const top = Math.max(...values, 1);
  const x = (i) => (i / (values.length - 1)) * WIDTH;
  const y = (value) => HEIGHT - 2 - (Math.max(value, 0) / top) * (HEIGHT - 4);
  return (
    <svg className="spark" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
      <polyline points={values.map((value, i) => `${x(i).toFixed(1)},${y(value).toFixed(1)}`).join(' ')} />
    </svg>
  );
}
