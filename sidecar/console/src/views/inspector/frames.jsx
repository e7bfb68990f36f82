// Every frame that was sent or received, the latest 2,000: to search, pause, read and export.
import { useId, useMemo, useState } from 'react';

import { Empty } from '../../parts/empty.jsx';
import { Icon } from '../../parts/icon.jsx';
import { IconButton } from '../../parts/icon_button.jsx';
import { exported, filterFrames } from './frame_filter.js';
import { FrameDetail } from './frame_detail.jsx';
import { FrameList } from './frame_list.jsx';
import { FRAMES_MAX } from './recorder.js';

function download(text, name) {
  const url = URL.createObjectURL(new Blob([text], { type: 'application/json' }));
  const link = Object.assign(document.createElement('a'), { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

const directions = [
  { value: '', title: 'Both' },
  { value: 'in', title: 'Received' },
  { value: 'out', title: 'Sent' },
];

function Filter({ filter, setFilter, types }) {
  const name = useId();
  const set = (change) => setFilter({ ...filter, ...change });
  return (
    <>
      <label className="inspector-search">
        <span className="unseen">Search frames</span>
        <Icon name="search" />
        <input type="search" placeholder="Search" value={filter.text} onChange={({ target }) => set({ text: target.value })} />
      </label>
      <label>
        <span className="unseen">Frame type</span>
        <select value={filter.type} onChange={({ target }) => set({ type: target.value })}>
          <option value="">All types</option>
          {[...types].sort(([a], [b]) => a.localeCompare(b)).map(([type, n]) => (
            <option key={type} value={type}>
              {type} ({n})
            </option>
          ))}
        </select>
      </label>
      <fieldset className="segments">
        <legend className="unseen">Direction</legend>
        {directions.map(({ value, title }) => (
          <label key={title} className="segment">
            <input type="radio" name={name} checked={filter.direction === value} onChange={() => set({ direction: value })} />
            {title}
          </label>
        ))}
      </fieldset>
    </>
  );
}

export function Frames({ recorder, person }) {
  const [filter, setFilter] = useState({ text: '', type: '', direction: '' });
  const [held, setHeld] = useState(null); // the frames of the moment when they were held
  const [chosen, setChosen] = useState(null); // n of a frame
  const { version } = recorder;
  const all = held ?? recorder.frames;
  // the same array is added to; its version says so
  const shown = useMemo(() => [...filterFrames(all, filter)], [all, filter, held ? null : version]);
  const frame = shown.find(({ n }) => n === chosen);
  const since = held ? recorder.counts.in + recorder.counts.out - (held.at(-1)?.n ?? 0) : 0;
  const save = () => {
    const about = { person: person.name, exported: new Date().toISOString(), filter, kept: all.length };
    download(exported(shown, about), `frames-${person.key ?? 'pane'}.json`);
  };
  return (
    <div role="group" className="inspector-frames" aria-label="Frames">
      <div className="inspector-tools">
        <Filter filter={filter} setFilter={setFilter} types={recorder.types} />
        <span className="inspector-soft inspector-count" data-figure="frames">
          {shown.length === all.length ? shown.length : `${shown.length} of ${all.length}`}
          {all.length >= FRAMES_MAX && ' (latest)'}
        </span>
        <button type="button" className="button quiet small" aria-pressed={Boolean(held)} onClick={() => setHeld(held ? null : [...recorder.frames])}>
          <Icon name={held ? 'play' : 'pause'} />
          {held ? `Resume${since > 0 ? ` (${since} new)` : ''}` : 'Pause'}
        </button>
        <IconButton
          icon="trash"
          label="Clear"
          onClick={() => {
            recorder.clear();
            setHeld(null);
            setChosen(null);
          }}
        />
        <IconButton icon="download" label="Export as JSON" onClick={save} disabled={shown.length === 0} />
      </div>
      <div className="inspector-split" data-open={Boolean(frame)}>
        {shown.length === 0 ? (
          <Empty icon="list" title={all.length === 0 ? 'No frames yet' : 'No matching frames'}>
            {all.length === 0 ? 'Frames appear as soon as data is sent or received.' : 'Change or clear the filter.'}
          </Empty>
        ) : (
          <FrameList frames={shown} chosen={chosen} choose={setChosen} isHeld={Boolean(held)} />
        )}
        {frame && <FrameDetail frame={frame} close={() => setChosen(null)} />}
      </div>
    </div>
  );
}
