# Laws of diffs, patches and merges hold for random documents: the pairs of
# regress/properties/pairs.mjs, a few of them here.  WRK_PAIRS takes another number,
# WRK_SEED the seed of a run; regress/properties/run tries a hundred thousand.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Wrk;

my $pairs = $ENV{WRK_PAIRS} // 3000;
my $seed = $ENV{WRK_SEED} // int(rand(2**31));
my $folder = "$FindBin::RealBin/../properties";
my $file = PostgreSQL::Test::Utils::tempdir() . '/pairs';
my $node = wrk_node('main', preload => 0);

note("seed $seed");
system("node '$folder/pairs.mjs' $pairs $seed >'$file'") == 0 or die 'no pairs';
$node->safe_psql('wrk', slurp_file("$folder/laws.sql"));
$node->safe_psql('wrk', "COPY pair FROM '$file'");
is($node->safe_psql('wrk', 'SELECT count(*) FROM pair'), $pairs, 'there are pairs');

my @kinds = qw(same added deleted updated ordered inside meta shown conflicts dropped);
my %seen;
@seen{@kinds} = split /\|/, $node->safe_psql('wrk', 'SELECT ' . join(', ', @kinds) . ' FROM coverage');
cmp_ok($seen{$_}, '>', $pairs / 200, "some of them: $_") for @kinds;

my $broken = $node->safe_psql('wrk', 'SELECT * FROM broken ORDER BY octet_length(a::text) + octet_length(b::text) LIMIT 3');
is($broken, '', 'no law is broken') or diag("seed $seed, the smallest pairs: $broken");

is($node->safe_psql('wrk', q{SELECT same('{"a": 1.0}', '{"a": 1.00}'), same('{"a": 1, "b": 2}', '{"b":2,"a":1}')}),
	'f|t', 'the same is what has the same bytes');
is($node->safe_psql('wrk', q{BEGIN;
	CREATE OR REPLACE FUNCTION same(x jsonb, y jsonb) RETURNS boolean LANGUAGE sql RETURN false;
	SELECT count(*) FROM broken WHERE i < 100;
	ROLLBACK}), 100, 'a law that is broken is seen');

done_testing();
