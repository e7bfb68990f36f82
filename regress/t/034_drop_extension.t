# Who drops the extension, with all that hangs on it, loses rows to nobody: what is left shuts tables rather
# than opens them.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Wrk;

my $node = wrk_node('dropped');

$node->safe_psql('wrk', q{
	CREATE TABLE invoice (tenant_id text NOT NULL, id integer, PRIMARY KEY (tenant_id, id));
	GRANT SELECT, INSERT, UPDATE, DELETE ON invoice TO wrk_member;
	SELECT wrk.enable_tenancy('invoice');
	INSERT INTO invoice VALUES ('a', 1), ('b', 2)});

sub seen
{
	return $node->safe_psql('wrk', "BEGIN; $_[0] SET LOCAL ROLE wrk_member; SELECT count(*) FROM public.invoice; COMMIT");
}

is(seen(q{DO $$BEGIN PERFORM wrk.impersonate('a', 'u', '{}'); END$$;}), '1', 'a member sees the rows of their tenant');
is(seen(''), '0', 'and without one none');
$node->safe_psql('wrk', 'DROP EXTENSION wrk_copilot CASCADE');
is(seen(''), '0', 'nor without the extension');
is(sqlstate_of($node, q{SET ROLE wrk_member; INSERT INTO public.invoice VALUES ('a', 3)}), '42501', 'whose absence lets nobody write, either');
is($node->safe_psql('wrk', 'SELECT count(*) FROM invoice'), '2', 'the rows are there');

done_testing();
