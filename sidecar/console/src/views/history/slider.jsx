// Through the versions: a slider, a step each way, and a mark for each version in the colour of who made it.
import { IconButton } from '../../parts/icon_button.jsx';
import { hueOf } from '../../parts/people.js';
import { clock } from '../../parts/time.jsx';
import { who } from './timeline.js';

const MOST_MARKS = 150;

export function Slider({ oldest, current, at, go, versions }) {
  const entry = versions.find(({ version }) => version === at);
  const said = entry ? `Version ${at} of ${current}, ${who(entry)}, ${clock(new Date(entry.at))}` : `Version ${at} of ${current}`;
  const span = Math.max(current - oldest, 1);
  const marks = versions.filter(({ version }) => version >= oldest).slice(0, MOST_MARKS);
  return (
    <div className="slider">
      <IconButton icon="chevron_right" label="Previous version" data-step="back" disabled={at <= oldest} onClick={() => go(at - 1)} />
      <div className="slider-track">
        <input
          type="range"
          data-history
          aria-label="Version"
          aria-valuetext={said}
          min={oldest}
          max={current}
          value={at}
          onChange={({ target }) => go(Number(target.value))}
        />
        <div className="slider-marks" aria-hidden="true">
          {marks.map(({ version, by }) => (
            <span key={version} data-hue={by ? hueOf(by) : undefined} data-here={version === at || undefined} style={{ left: `${((version - oldest) / span) * 100}%` }} />
          ))}
        </div>
      </div>
      <IconButton icon="chevron_right" label="Next version" disabled={at >= current} onClick={() => go(at + 1)} />
      <output className="slider-said">
        <strong>{at}</strong> of {current}
      </output>
    </div>
  );
}
