// rivals: what bench/blueprint asks of JavaScript; one command a line on stdin, one answer a line on stdout.
//
//   load NODES KIND              parse that pair of documents; answers with the bytes of the old one
//   check                        every library's patch(old, diff(old, new)) must be new
//   size LIBRARY                 bytes of its diff as JSON
//   diff LIBRARY SECONDS         microseconds each, on parsed objects
//   patch LIBRARY SECONDS        likewise; the document is not changed
//   save LIBRARY TABLE SECONDS   fetch the document from PostgreSQL, parse, patch, stringify, write it
//                                back; "wrk" for LIBRARY lets wrk.blueprint_patch() do it in the table
//
// node --expose-gc: garbage of the run before is not collected in this one.
import assert from 'node:assert'
import readline from 'node:readline'

import pg from 'pg'

import { libraries, wire } from './libraries.mjs'

const database = new pg.Client()
await database.connect()

const value = async (text, ...values) => (await database.query({ text, values, rowMode: 'array' })).rows[0][0]

let nodes, before, after

// what is computed must be used, or need not be computed
let sink

const elapsed = (start) => Number(process.hrtime.bigint() - start) / 1000

// microseconds each, of as many as fit into the seconds, at least one
async function time(seconds, work) {
	let count = 0
	globalThis.gc()
	const start = process.hrtime.bigint()
	do {
		sink = work()
		if (sink instanceof Promise) await sink
		count++
	} while (elapsed(start) < seconds * 1e6)
	return elapsed(start) / count
}

// One save there, one back, so that the document is the old one again.
function saver(library, table) {
	if (library === 'wrk') {
		const save = {
			name: `save ${table}`,
			text: `UPDATE bench.${table} SET doc = wrk.blueprint_patch(doc, $1) WHERE nodes = $2`,
		}
		return (diff) => database.query({ ...save, values: [diff, nodes] })
	}
	const fetch = { name: `fetch ${table}`, text: `SELECT doc::text FROM bench.${table} WHERE nodes = $1` }
	const store = { name: `store ${table}`, text: `UPDATE bench.${table} SET doc = $1 WHERE nodes = $2` }
	return async (diff) => {
		const { rows } = await database.query({ ...fetch, values: [nodes], rowMode: 'array' })
		const document = libraries[library].patchInPlace(JSON.parse(rows[0][0]), JSON.parse(diff))
		await database.query({ ...store, values: [JSON.stringify(document), nodes] })
	}
}

// the diffs there and back, as text
async function diffs(library) {
	if (library !== 'wrk')
		return [[before, after], [after, before]].map(([a, b]) => JSON.stringify(libraries[library].diff(a, b)))
	// exactly, UI-only members too, as theirs
	const diff = `SELECT wrk.blueprint_diff($1, $2, '{"ui": []}')::text`
	return [await value(diff, before, after), await value(diff, after, before)]
}

const holds = async (table, document) =>
	assert.deepStrictEqual(JSON.parse(await value(`SELECT doc::text FROM bench.${table} WHERE nodes = $1`, nodes)), document)

const commands = {
	async load(count, kind) {
		nodes = Number(count)
		const row = 'FROM bench.pair WHERE nodes = $1 AND kind = $2'
		const text = await value(`SELECT old::text ${row}`, nodes, kind)
		before = JSON.parse(text)
		after = JSON.parse(await value(`SELECT new::text ${row}`, nodes, kind))
		return text.length
	},
	check() {
		const untouched = wire(before)
		for (const library of Object.values(libraries)) {
			if (!library.patch) continue
			const diff = wire(library.diff(before, after))
			assert.deepStrictEqual(library.patch(before, diff), after)
			assert.deepStrictEqual(before, untouched)
		}
		return 'ok'
	},
	size: (library) => JSON.stringify(libraries[library].diff(before, after)).length,
	diff: (library, seconds) => time(seconds, () => libraries[library].diff(before, after)),
	patch(library, seconds) {
		const diff = wire(libraries[library].diff(before, after))
		return time(seconds, () => libraries[library].patch(before, diff))
	},
	async save(library, table, seconds) {
		const [there, back] = await diffs(library)
		const save = saver(library, table)
		await save(there)
		await holds(table, after)
		await save(back)
		await holds(table, before)
		const pair = await time(seconds, async () => {
			await save(there)
			await save(back)
		})
		await holds(table, before)
		return pair / 2
	},
}

for await (const line of readline.createInterface({ input: process.stdin })) {
	const [command, ...words] = line.split(' ')
	try {
		console.log(String(await commands[command](...words)))
	} catch (error) {
		console.log(`error: ${String(error.message).split('\n')[0]}`)
	}
}
await database.end()
