import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';

import './style/tokens.css';
import './style/base.css';
import { Console } from './console.jsx';
import { openDemo } from './demo.js';

const root = createRoot(document.getElementById('root'));

// null: served by a gateway alone, by an operator who brings a token
const demo = await openDemo();
root.render(
  <StrictMode>
    <Console demo={demo} />
  </StrictMode>,
);
