import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { dataFolders } from '../files.ts'
import { Tensor } from '../graph/tensor.ts'
import { throwIfInterrupted } from '../interrupt.ts'
import { readTarGz } from './archive.ts'
import { correctSide } from './classes.ts'
import { Dataset } from './dataset.ts'
import { obtain, type OfficialFile } from './official.ts'
import type { SplitOptions } from './split.ts'
import { tokenize, Vocabulary } from './vocabulary.ts'

const ARCHIVE: OfficialFile = {
  folder: 'imdb',
  name: 'aclImdb_v1.tar.gz',
  url: 'https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz',
  bytes: 84_125_825,
  checksum: { sha256: 'c40f74a18d3b61f90feba1e17730e0d38e8b97c05fde7008942e91923d1658fe' },
}
/** The official archive without the reviews that nobody judged. */
const LABELLED = 'aclImdb_v1_labelled.tar.gz'
const REVIEW = /^aclImdb\/(train|test)\/(neg|pos)\/(\d+)_\d+\.txt$/
const REVIEWS_EACH = 25_000

export interface ImdbOptions extends SplitOptions {
  /** Words of a review that a model reads (200). */
  readonly length?: number
  /** Entries of the vocabulary at most (121,301). */
  readonly vocabulary?: number
}

interface Review {
  readonly id: number
  readonly text: string
  /** 1 where its writer liked the film, else 0. */
  readonly label: number
}

type Reviews = Readonly<Record<'train' | 'test', readonly Review[]>>

const read = new Map<string, Promise<Reviews>>()
const vocabularies = new WeakMap<Reviews, Map<number, Vocabulary>>()

/**
 * Reviews of films: 25,000 to learn from and 25,000 to test with, negative (0) and positive (1) ones in turn; input `tokens` [N, length], int64: the first
 * words by number, padded with 0 in front. The vocabulary is made of the words of all training reviews: 121,364, of which the 65 rarest and last are
 * left out, so that it has 121,301 entries with padding (0) and unknown (1). Read from `$HONE_DATA/imdb` or the cache, else downloaded.
 * Maas et al. 2011: https://ai.stanford.edu/~amaas/data/sentiment/
 * @throws Error naming a file that is damaged, or saying how far its download came.
 */
export async function imdb({ train = true, length = 200, vocabulary = 121_301 }: ImdbOptions = {}): Promise<Dataset<number>> {
  if (!(Number.isInteger(length) && length >= 1)) throw new RangeError(`imdb: a review has a whole number of words from 1 on, not ${length}`)
  const { source, reviews } = await allReviews()
  const words = await imdbVocabulary(vocabulary)
  const chosen = reviews[train ? 'train' : 'test']
  const tokens = new BigInt64Array(chosen.length * length)
  chosen.forEach((review, n) => {
    throwIfInterrupted()
    words.encode(tokenize(review.text), length).forEach((number, at) => (tokens[n * length + at] = BigInt(number)))
  })
  return Dataset.of({
    name: train ? 'IMDB' : 'IMDB test',
    source,
    complete: chosen.length === REVIEWS_EACH,
    inputs: { tokens: Tensor.of('int64', [chosen.length, length], tokens) },
    labels: chosen.map(({ label }) => label),
    classes: ['negative', 'positive'],
    target: (labels) => Tensor.float32([labels.length], labels),
    correct: correctSide,
  })
}

/** The words behind `imdb`'s numbers: at most `size` entries. @throws Error as `imdb` does. */
export async function imdbVocabulary(size = 121_301): Promise<Vocabulary> {
  if (!(Number.isInteger(size) && size > 2)) throw new RangeError(`imdb: a vocabulary has padding, unknown and a word at least, not ${size} entries`)
  const { reviews } = await allReviews()
  const made = vocabularies.get(reviews) ?? new Map<number, Vocabulary>()
  vocabularies.set(reviews, made)
  const vocabulary = made.get(size) ?? Vocabulary.of(trainingWords(reviews), size)
  made.set(size, vocabulary)
  return vocabulary
}

function* trainingWords({ train }: Reviews): Generator<string[]> {
  for (const { text } of train) {
    throwIfInterrupted()
    yield tokenize(text)
  }
}

/** Read once a process. */
async function allReviews(): Promise<{ source: string; reviews: Reviews }> {
  const labelled = join(dataFolders(ARCHIVE.folder)[0], LABELLED)
  const source = existsSync(labelled) ? labelled : await obtain(ARCHIVE)
  const reviews = read.get(source) ?? readReviews(source)
  read.set(source, reviews)
  reviews.catch(() => read.delete(source))
  return { source, reviews: await reviews }
}

/** By number, of each number the negative review first: so the first ones of a part are of both kinds. */
async function readReviews(source: string): Promise<Reviews> {
  const files = await readTarGz(source, REVIEW)
  const reviews: Record<keyof Reviews, Review[]> = { train: [], test: [] }
  for (const [name, bytes] of files) {
    throwIfInterrupted()
    const [, part, kind, id] = REVIEW.exec(name)!
    reviews[part as keyof Reviews].push({ id: Number(id), text: new TextDecoder().decode(bytes), label: kind === 'pos' ? 1 : 0 })
  }
  for (const [part, some] of Object.entries(reviews)) {
    if (some.length === 0) throw new Error(`${source} holds no reviews aclImdb/${part}/pos/0_9.txt and so on: it is not the official archive. Fetch it again.`)
    some.sort((a, b) => a.id - b.id || a.label - b.label)
  }
  return reviews
}
