// The history view: the versions of a document, and the audit log with the light that says whether it is whole.
import '../project/project.css';
import './history.css';

import { useState } from 'react';

import { Icon } from '../../parts/icon.jsx';
import { DocumentChooser } from '../project/document_chooser.jsx';
import { useChosenVersion, useDocuments } from '../project/use_documents.js';
import { Audit } from './audit.jsx';
import { Travel } from './travel.jsx';

const parts = [
  ['versions', 'history', 'Versions'],
  ['audit', 'shield', 'Audit log'],
];

export default function History({ person }) {
  const [part, setPart] = useState('versions');
  const [chosen, choose] = useChosenVersion(person);
  const documents = useDocuments();
  const versionId = chosen ?? documents.versions?.[0]?.id ?? null;
  return (
    <div className="history">
      <div className="history-top">
        <div className="segments" role="group" aria-label="Part of the history">
          {parts.map(([key, icon, title]) => (
            <button key={key} type="button" className="segment" aria-pressed={part === key} onClick={() => setPart(key)}>
              <Icon name={icon} />
              {title}
            </button>
          ))}
        </div>
        {part === 'versions' && <DocumentChooser versions={documents.versions} chosen={versionId} choose={choose} />}
      </div>
      {part === 'audit' ? <Audit /> : versionId ? <Travel key={versionId} versionId={versionId} /> : <p className="waiting">No document to show.</p>}
    </div>
  );
}
