// The audit log of the own tenant, for who may read it.
import './audit.css';

import { useMemo, useState } from 'react';

import { Empty } from '../../parts/empty.jsx';
import { ErrorLine } from '../../parts/error_line.jsx';
import { AuditFilters } from './audit_filters.jsx';
import { AuditTable } from './audit_table.jsx';
import { SealLight } from './seal_light.jsx';
import { useAudit } from './use_audit.js';
import { choicesOf, useRecords } from './use_records.js';

export function Audit() {
  const [filters, setFilters] = useState({});
  const records = useRecords();
  const names = useMemo(() => new Map(choicesOf(records).flatMap(([, choices]) => choices)), [records]);
  const { entries, next, error, isLoaded, fresh, isLive, more, refetch } = useAudit(filters);
  if (error?.code === 'forbidden') {
    return (
      <Empty icon="lock" title="No access">
        Only administrators can read the audit log.
      </Empty>
    );
  }
  return (
    <div className="audit">
      <div className="audit-top">
        <SealLight />
        <AuditFilters records={records} apply={setFilters} />
      </div>
      {error && <ErrorLine error={error} again={refetch} />}
      {fresh > 0 && (
        <button type="button" className="audit-fresh" onClick={refetch}>
          New entries. Show them
        </button>
      )}
      <AuditTable entries={entries} names={names} isLive={isLive} />
      {isLoaded && entries.length === 0 && !error && <Empty icon="search" title="No matching entries" />}
      {next && (
        <button type="button" className="button quiet audit-more" onClick={more}>
          Load older entries
        </button>
      )}
    </div>
  );
}
