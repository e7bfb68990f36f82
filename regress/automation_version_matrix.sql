-- What the lifecycle of an automation version must be, written by hand and read by
-- sql/status_matrix.sql.  It knows nothing of the definition that implements it.
--
-- A line says where a version is and, behind <, where it was before the stop-over
-- (<? nobody knows: it was loaded as it is).  A column says where to; "previous" is
-- what one asks for to go back.  A cell says whose step that is:
--
--   c client   b builder   q qa   o ops   s cs_admin   y system   O ops_admin   a admin
--
--   .  there is no such step      =  it is there already      !  not without a reason
--
-- Nobody (no identity) may do nothing at all.
CREATE TABLE regress.matrix AS SELECT line, n FROM string_to_table($grid$
from              intake pricing approval build qa    ready live archived paused blocked previous
intake            =      cosyOa  .        .     .     .     .    oOa!     .      bqoyOa! .
pricing           .      =       oOa      .     .     .     .    oOa!     .      bqoyOa! .
approval          .      cyOa!   =        cyOa  .     .     .    oOa!     .      bqoyOa! .
build             .      .       .        =     bOa   .     .    oOa!     .      bqoyOa! .
qa                .      .       .        qOa!  =     qOa   .    oOa!     .      bqoyOa! .
ready             .      .       .        .     .     =     oOa  oOa!     .      bqoyOa! .
live              .      .       .        .     .     .     =    Oa       cosyOa bqoyOa! .
archived          .      .       .        .     .     .     .    =        .      .       .
paused<live       .      .       .        .     .     .     cosOa Oa      =      bqoyOa! cosOa
paused<?          .      .       .        .     .     .     .    Oa       =      bqoyOa! .
blocked<intake    bqoOa  .       .        .     .     .     .    Oa!      .      =       bqoOa
blocked<pricing   .      bqoOa   .        .     .     .     .    Oa!      .      =       bqoOa
blocked<approval  .      .       bqoOa    .     .     .     .    Oa!      .      =       bqoOa
blocked<build     .      .       .        bqoOa .     .     .    Oa!      .      =       bqoOa
blocked<qa        .      .       .        .     bqoOa .     .    Oa!      .      =       bqoOa
blocked<ready     .      .       .        .     .     bqoOa .    Oa!      .      =       bqoOa
blocked<live      .      .       .        .     .     .     bqoOa Oa!     .      =       bqoOa
blocked<paused    .      .       .        .     .     .     .    Oa!      bqoOa  =       bqoOa
blocked<?         .      .       .        .     .     .     .    Oa!      .      =       .
$grid$, E'\n') WITH ORDINALITY t (line, n) WHERE line <> '';

-- the short names of the grid
CREATE TABLE regress.short AS SELECT * FROM (VALUES
	('intake', 'intake_in_progress'), ('pricing', 'needs_pricing'), ('approval', 'awaiting_client_approval'),
	('build', 'build_in_progress'), ('qa', 'qa_testing'), ('ready', 'ready_to_launch'), ('live', 'live'),
	('archived', 'archived'), ('paused', 'paused'), ('blocked', 'blocked')) AS s (short, code);
CREATE TABLE regress.letter AS SELECT * FROM (VALUES
	('c', 'client'), ('b', 'builder'), ('q', 'qa'), ('o', 'ops'), ('s', 'cs_admin'), ('y', 'system'),
	('O', 'ops_admin'), ('a', 'admin'), (NULL, 'nobody')) AS l (letter, who);
