# Laws of histories hold for random ones: a version is what the row was, blame is
# what replaying all versions says, a change taken back is a three-way merge, and
# all taken back in order lead to where it began.  WRK_HISTORIES takes another
# number of rows, WRK_SEED the seed of a run.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Wrk;

my $rows = $ENV{WRK_HISTORIES} // 60;
my $seed = $ENV{WRK_SEED} // int(rand(2**31));
my $node = wrk_node('main', preload => 0);
my $setup = slurp_file("$FindBin::RealBin/../json_random.sql");
my $laws = slurp_file("$FindBin::RealBin/../properties/history.sql");
my $start = sprintf 'SELECT setseed(%.9f);', ($seed % 1000000000) / 1000000000;
my @sql = ($setup, $laws, $start);

# a law for every row, in the order of the rows; statistics, or else every look at the log reads all of it
for (my $first = 1; $first <= $rows; $first += 40)
{
	my $last = $first + 39 < $rows ? $first + 39 : $rows;
	my @steps = ('pg_temp.make_history(i, 30)', map { "$_(i)" } qw(check_as_of check_diff check_blame check_revert check_undo_all));

	# one transaction, for its identity says which tenant's rows are asked for
	push @sql, 'BEGIN;', (map { "SELECT count($_) FROM generate_series($first, $last) i;" } @steps), 'COMMIT;',
		'ANALYZE version, item, wrk.audit_log;';
}

note("seed $seed");
$node->safe_psql('wrk', join("\n", @sql));

my %tried = map { split /\|/ } split /\n/, $node->safe_psql('wrk', 'SELECT what, sum(n) FROM tried GROUP BY what');
note("$_: $tried{$_}") for sort keys %tried;
my %least = ('versions' => 20, 'leaves' => 10, 'changes that made them' => 2, 'steps back' => 20, 'reverts' => 5,
	'reverts that change something' => 0.5, 'reverts with conflicts' => 1, 'reverts that do both' => 0.1);
cmp_ok($tried{$_} // 0, '>=', $rows * $least{$_}, "tried: $_") for sort keys %least;

is($node->safe_psql('wrk', 'SELECT law, count(*) FROM broken GROUP BY law'), '', 'no law is broken')
  or diag("seed $seed, the smallest: " . $node->safe_psql('wrk',
		'SELECT * FROM broken ORDER BY octet_length(got::text) + octet_length(wanted::text) LIMIT 3'));

is($node->safe_psql('wrk', q{BEGIN;
	CREATE OR REPLACE FUNCTION same(x jsonb, y jsonb) RETURNS boolean LANGUAGE sql RETURN false;
	DO $$BEGIN PERFORM wrk.impersonate('acme', 'ann', '{}'), check_as_of(i), check_diff(i) FROM generate_series(1, 5) i; END$$;
	SELECT string_agg(DISTINCT law, '; ' ORDER BY law) FROM broken;
	ROLLBACK}),
	'a change is the difference it made; a time is that of the change before it; a version is what the row was',
	'a law that is broken is seen');

done_testing();
