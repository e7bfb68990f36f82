// The audit log of the own tenant, for who may read it.
import './audit.css';

import { useState } from 'react';

import { Empty } from '../../parts/empty.jsx';
import { ErrorLine } from '../../parts/error_line.jsx';
import { AuditFilters } from './audit_filters.jsx';
import { AuditTable } from './audit_table.jsx';
import { SealLight } from './seal_light.jsx';
import { useAudit } from './use_audit.js';

export function Audit() {
  const [filters, setFilters] = useState({});
  const { entries, next, error, isLoaded, fresh, isLive, more, refetch } = useAudit(filters);
  if (error?.code === 'forbidden') {
    return (
      <Empty icon="lock" title="Not yours to read">
        {error.message}. Administrators of the tenant may.
      </Empty>
    );
  }
  return (
    <div className="audit">
      <div className="audit-top">
        <SealLight />
        <AuditFilters entries={entries} apply={setFilters} />
      </div>
      {error && <ErrorLine error={error} again={refetch} />}
      {fresh > 0 && (
        <button type="button" className="audit-fresh" onClick={refetch}>
          {fresh === 1 ? 'Something new was written' : `${fresh} times something new was written`}. Show it
        </button>
      )}
      <AuditTable entries={entries} isLive={isLive} />
      {isLoaded && entries.length === 0 && !error && <Empty icon="search" title="Nothing like that in the log" />}
      {next && (
        <button type="button" className="button quiet audit-more" onClick={more}>
          Older entries
        </button>
      )}
    </div>
  );
}
