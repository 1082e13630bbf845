import assert from 'node:assert/strict'
import { test } from 'node:test'
import { imdb, imdbVocabulary } from '../../../lib/data/imdb.ts'
import { tokenize, Vocabulary } from '../../../lib/data/vocabulary.ts'
import { Tensor } from '../../../lib/graph/tensor.ts'
import { tarGz } from './archives.ts'
import { dataOf } from './folder.ts'

const reviews = {
  'aclImdb/train/pos/0_9.txt': 'Good, good film!',
  'aclImdb/train/neg/0_1.txt': 'Bad.<br />A film',
  'aclImdb/train/pos/10_8.txt': 'good',
  'aclImdb/train/pos/2_8.txt': "Don't miss it",
  'aclImdb/train/unsup/0_0.txt': 'nobody judged this',
  'aclImdb/test/neg/3_2.txt': 'a bad unheard film of some length',
  'aclImdb/README': 'The data set',
}

test('words are lower case, without punctuation', () => {
  assert.deepEqual(tokenize('It\'s GREAT: 10/10!!<br /><br />Ça va\u0085fine  -- '), ['its', 'great', '1010br', 'br', 'ça', 'va', 'fine'])
})

test('a vocabulary numbers the commonest words first, after padding and unknown', () => {
  const vocabulary = Vocabulary.of([['b', 'a'], ['a', 'c']])
  assert.deepEqual(vocabulary.words, ['<pad>', '<unk>', 'a', 'b', 'c'])
  assert.deepEqual(vocabulary.encode(['c', 'x', 'a'], 5), [0, 0, 4, 1, 2])
  assert.deepEqual(vocabulary.encode(['a', 'b', 'c'], 2), [2, 3])
  assert.equal(vocabulary.decode([0, 0, 4, 1, 2]), 'c <unk> a')
  assert.deepEqual(Vocabulary.of([['b', 'a'], ['a', 'c']], 4).words, ['<pad>', '<unk>', 'a', 'b'])
})

test('reviews by number, negative first, padded in front; words of the test part do not count', async (t) => {
  dataOf(t, { 'imdb/aclImdb_v1.tar.gz': await tarGz(reviews) })
  const train = await imdb({ length: 4 })
  const vocabulary = await imdbVocabulary()
  assert.deepEqual(train.labels, [0, 1, 1, 1])
  assert.deepEqual([train.batch(1).tokens.dtype, train.batch(4).tokens.shape], ['int64', [4, 4]])
  assert.deepEqual([...train.batches(1)].map(({ inputs }) => vocabulary.decode(inputs.tokens.data)), ['badbr a film', 'good good film', 'dont miss it', 'good'])
  assert.deepEqual(vocabulary.words.slice(2), ['good', 'film', 'badbr', 'a', 'dont', 'miss', 'it'])
  const held = await imdb({ train: false, length: 5 })
  assert.equal(vocabulary.decode(held.batch(1).tokens.data), 'a <unk> <unk> film <unk>')
  assert.deepEqual(train.target([1, 0]).toNumbers(), [1, 0])
  assert.deepEqual(train.correct(Tensor.float32([3], [0.1, -3, 2]), [1, 0, 0]), [true, true, false])
  const small = await imdb({ length: 3, vocabulary: 4 })
  assert.ok(Math.max(...small.batch(4).tokens.toNumbers()) < 4)
})

test('an archive of something else, and lengths that are none, are refused', async (t) => {
  dataOf(t, { 'imdb/aclImdb_v1.tar.gz': await tarGz({ 'other/file.txt': 'x' }) })
  await assert.rejects(imdb(), /aclImdb_v1\.tar\.gz holds no reviews aclImdb\/train\/pos/)
  await assert.rejects(imdb({ length: 0 }), /a whole number of words from 1 on, not 0/)
})
