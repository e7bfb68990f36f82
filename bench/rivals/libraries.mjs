// The libraries bench/blueprint compares with, behind one shape:
//   diff(old, new), patch(document, diff) without changing the document, patchInPlace(document, diff)
import fastJsonPatch from 'fast-json-patch'
import * as jsondiffpatch from 'jsondiffpatch'
import microdiff from 'microdiff'

const { applyPatch, compare } = fastJsonPatch

// told how to recognize an element, as its manual advises
const keyed = jsondiffpatch.create({ objectHash: (item) => item.id })

export const libraries = {
	'fast-json-patch': {
		diff: compare,
		patch: (document, diff) => applyPatch(document, diff, false, false).newDocument,
		patchInPlace: (document, diff) => applyPatch(document, diff, false, true).newDocument,
	},
	jsondiffpatch: {
		diff: (a, b) => keyed.diff(a, b),
		patch: (document, diff) => keyed.patch(jsondiffpatch.clone(document), diff),
		patchInPlace: (document, diff) => keyed.patch(document, diff),
	},
	microdiff: {
		diff: (a, b) => microdiff(a, b, { cyclesFix: false }),
	},
}

// A value as it comes over the network; sharing nothing with the original, as a fresh diff does.
export const wire = (value) => JSON.parse(JSON.stringify(value))
