// One frame in full, as far as it may be shown.
import { useState } from 'react';

import { IconButton } from '../../parts/icon_button.jsx';
import { sizeWords, stamp } from './frame_filter.js';

const SHOWN_MAX = 64 * 1024;

export function FrameDetail({ frame, close }) {
  const [isCopied, setCopied] = useState(false);
  const pretty = JSON.stringify(JSON.parse(frame.text), null, 2);
  const copy = async () => {
    await navigator.clipboard?.writeText(pretty).catch(() => {});
    setCopied(true);
    setTimeout(() => setCopied(false), 1500);
  };
  return (
    <div role="group" className="inspector-detail" aria-label={`Frame ${frame.n}`}>
      <header>
        <h2>
          {frame.type} <span className="inspector-soft">{frame.direction === 'in' ? 'received' : 'sent'} at {stamp(frame.at)}, {sizeWords(frame.text.length)}</span>
        </h2>
        <IconButton icon={isCopied ? 'check' : 'copy'} label={isCopied ? 'Copied' : 'Copy'} onClick={copy} />
        <IconButton icon="close" label="Close" onClick={close} />
      </header>
      <pre className="mono" tabIndex={0} aria-label="The frame as JSON">
        {pretty.slice(0, SHOWN_MAX)}
      </pre>
    </div>
  );
}
