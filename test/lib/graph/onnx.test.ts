import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { create, fromBinary, toBinary, toJson } from '@bufbuild/protobuf'
import { float } from '../../../lib/graph/attribute.ts'
import { Builder } from '../../../lib/graph/builder.ts'
import { symbol } from '../../../lib/graph/dim.ts'
import { Graph } from '../../../lib/graph/graph.ts'
import { decodeModel, encodeModel, readModel, writeModel } from '../../../lib/graph/onnx.ts'
import { FunctionProtoSchema, ModelProtoSchema, SparseTensorProtoSchema, TensorProto_DataLocation, TensorProtoSchema } from '../../../lib/graph/onnx_pb.ts'
import { HONE } from '../../../lib/graph/operator.ts'
import { DATA_TYPES, Tensor, type DataType } from '../../../lib/graph/tensor.ts'
import { verify } from '../../../lib/graph/verify.ts'
import { runGraph, scattered } from './run.ts'

function network(): Graph {
  const graph = new Graph('net')
  const builder = new Builder(graph)
  const x = graph.input('x', 'float32', [symbol('N'), 2, 6, 6])
  const w = graph.parameter('w', scattered('float32', [3, 2, 3, 3]))
  const y = builder.op('LeakyRelu', [builder.op('Conv', [x, w], { kernel_shape: [3, 3], pads: [1, 1, 1, 1] })], { alpha: float(1) })
  graph.addOutput(y, 'y')
  return graph
}

test('a written model reads back as the same model, and runs the same', async () => {
  const graph = network()
  const bytes = encodeModel(graph)
  const back = decodeModel(bytes)
  verify(back)
  assert.deepEqual(Buffer.from(encodeModel(back)), Buffer.from(bytes))
  assert.deepEqual(back.parameters.map(String), ['w'])
  assert.equal(String(back.outputs[0]!.shape), 'N,3,6,6')
  assert.deepEqual(back.nodes('LeakyRelu')[0]!.attributes.get('alpha'), { type: 'float', value: 1 })
  const feeds = { x: scattered('float32', [2, 2, 6, 6]) }
  assert.deepEqual((await runGraph(back, feeds)).y!.data, (await runGraph(graph, feeds)).y!.data)
})

test('what hone does not model survives: unknown fields, functions, sparse tensors, metadata, types, node annotations', () => {
  const model = fromBinary(ModelProtoSchema, encodeModel(network()))
  model.functions = [create(FunctionProtoSchema, { name: 'Twice', domain: 'com.example', input: ['x'], output: ['y'], opsetImport: [{ domain: '', version: 21n }], node: [{ opType: 'Add', input: ['x', 'x'], output: ['y'] }] })]
  model.graph!.sparseInitializer = [create(SparseTensorProtoSchema, { dims: [4n] })]
  model.graph!.docString = 'a network'
  model.graph!.quantizationAnnotation = [{ $typeName: 'onnx.TensorAnnotation', tensorName: 'w', quantParameterTensorNames: [] }]
  model.graph!.node[0]!.docString = 'the first layer'
  model.graph!.node[0]!.metadataProps = [{ $typeName: 'onnx.StringStringEntryProto', key: 'origin', value: 'layer1' }]
  model.graph!.initializer[0]!.docString = 'weights'
  model.graph!.node.push({ ...model.graph!.node[1]!, name: 'odd', opType: 'Twice', domain: 'com.example', input: ['y'], output: ['z'], attribute: [] })
  model.opsetImport.push({ $typeName: 'onnx.OperatorSetIdProto', domain: 'com.example', version: 3n })
  model.producerName = 'someone'
  model.$unknown = [{ no: 4000, wireType: 0, data: Uint8Array.of(42) }]
  model.graph!.node[0]!.$unknown = [{ no: 4001, wireType: 0, data: Uint8Array.of(7) }]
  const bytes = toBinary(ModelProtoSchema, model)
  const back = fromBinary(ModelProtoSchema, encodeModel(decodeModel(bytes)))
  assert.deepEqual(toJson(ModelProtoSchema, back), toJson(ModelProtoSchema, fromBinary(ModelProtoSchema, bytes)))
  assert.deepEqual(back.$unknown?.map(({ no }) => no), [4000])
  assert.deepEqual(back.graph!.node[0]!.$unknown?.map(({ no }) => no), [4001])
})

test('tensors of every element type keep their bytes, in whichever field the file has them', () => {
  const cases: [DataType, object, number[]][] = [
    ['float32', { floatData: [1.5, -2] }, [1.5, -2]], ['float64', { doubleData: [1.5, -2] }, [1.5, -2]], ['int64', { int64Data: [-1n, 5n] }, [-1, 5]],
    ['int32', { int32Data: [-1, 5] }, [-1, 5]], ['int8', { int32Data: [-1, 5] }, [-1, 5]], ['uint8', { int32Data: [255, 5] }, [255, 5]], ['int16', { int32Data: [-300, 5] }, [-300, 5]],
    ['uint32', { uint64Data: [4294967295n, 5n] }, [4294967295, 5]], ['uint64', { uint64Data: [9n, 5n] }, [9, 5]], ['bool', { int32Data: [1, 0] }, [1, 0]],
    ['float16', { int32Data: [0x3e00, 0xc000] }, [1.5, -2]], ['bfloat16', { int32Data: [0x3fc0, 0xc000] }, [1.5, -2]],
  ]
  for (const [dtype, fields, expected] of cases) {
    const model = fromBinary(ModelProtoSchema, encodeModel(network()))
    model.graph!.initializer.push(create(TensorProtoSchema, { name: 'extra', dims: [2n], dataType: DATA_TYPES.indexOf(dtype), ...fields }))
    const graph = decodeModel(toBinary(ModelProtoSchema, model))
    const again = decodeModel(encodeModel(graph)).initializers.find((v) => v.name === 'extra')!.initializer!
    assert.deepEqual([again.dtype, again.toNumbers()], [dtype, expected])
  }
})

test('an absent last input, which ONNX Runtime does not survive everywhere, is left out of the file', async () => {
  const graph = new Graph('norm')
  const builder = new Builder(graph)
  const x = graph.input('x', 'float32', [2, 4])
  const node = graph.add('LayerNormalization', [x, builder.tensor(Tensor.float32([4], [1, 2, 3, 4])), null], {}, { types: [x] })
  graph.addOutput(node.output)
  assert.equal(decodeModel(encodeModel(graph)).nodes()[0]!.inputs.length, 2)
  assert.equal(Object.values(await runGraph(graph, { x: Tensor.float32([2, 4], [1, 2, 3, 4, 5, 6, 7, 8]) })).length, 1)
})

test('an operator of hone is written with its expansion: any runtime runs the file', async () => {
  const graph = new Graph()
  const builder = new Builder(graph)
  const x = graph.input('x', 'float32', [1, 1, 4, 4])
  const dy = graph.input('dy', 'float32', [1, 1, 2, 2])
  const window = { kernel_shape: [2, 2], strides: [2, 2] }
  graph.addOutput(builder.op('MaxPoolGrad', [x, dy], window, { domain: HONE }), 'dx')
  graph.addOutput(builder.op('MaxPoolGrad', [builder.neg(x), dy], window, { domain: HONE }), 'd_least')
  const model = fromBinary(ModelProtoSchema, encodeModel(graph))
  assert.deepEqual(model.functions.map((f) => [f.domain, f.name]), [['hone', 'MaxPoolGrad']], 'one function serves both nodes')
  const feeds = { x: Tensor.float32([1, 1, 4, 4], [...Array(16).keys()]), dy: Tensor.float32([1, 1, 2, 2], [1, 2, 3, 4]) }
  const back = decodeModel(encodeModel(graph))
  assert.deepEqual(Buffer.from(encodeModel(back)), Buffer.from(encodeModel(graph)))
  for (const g of [graph, back]) {
    const { dx, d_least } = await runGraph(g, feeds)
    assert.deepEqual(dx!.toNumbers(), [0, 0, 0, 0, 0, 1, 0, 2, 0, 0, 0, 0, 0, 3, 0, 4])
    assert.deepEqual(d_least!.toNumbers(), [1, 0, 2, 0, 0, 0, 0, 0, 3, 0, 4, 0, 0, 0, 0, 0])
  }
})

test('a damaged file is refused in a sentence that names it and the place', () => {
  const folder = mkdtempSync(join(tmpdir(), 'hone-'))
  const path = join(folder, 'net.onnx')
  const refuse = (bytes: Uint8Array, message: RegExp) => {
    writeFileSync(path, bytes)
    assert.throws(() => readModel(path), (error: Error) => error.message.startsWith(`${path}: `) && message.test(error.message))
  }
  const bytes = encodeModel(network())
  refuse(bytes.subarray(0, bytes.length / 2), /truncated/)
  refuse(new TextEncoder().encode('<html>not found</html>'), /not an ONNX model/)
  refuse(new Uint8Array(), /not an ONNX model/)
  const absurd = fromBinary(ModelProtoSchema, bytes)
  absurd.graph!.initializer[0]!.dims = [3n, 2n, 3n, 3_000_000_000n]
  refuse(toBinary(ModelProtoSchema, absurd), /w: a float32 tensor of shape \[3,2,3,3000000000\] takes 216000000000 bytes, not 216/)
  const dangling = fromBinary(ModelProtoSchema, bytes)
  dangling.graph!.node[1]!.input = ['nowhere']
  refuse(toBinary(ModelProtoSchema, dangling), /leakyrelu \(LeakyRelu\) reads "nowhere", which nothing before it computes/)
})

test('external data is read beside the model, never outside its folder', () => {
  const folder = mkdtempSync(join(tmpdir(), 'hone-'))
  const model = fromBinary(ModelProtoSchema, encodeModel(network()))
  const tensor = model.graph!.initializer[0]!
  const { rawData } = tensor
  writeFileSync(join(folder, 'w.bin'), Buffer.concat([Buffer.alloc(8), rawData!]))
  const at = (location: string, offset = '8') => {
    tensor.rawData = new Uint8Array()
    tensor.dataLocation = TensorProto_DataLocation.EXTERNAL
    tensor.externalData = Object.entries({ location, offset, length: '216' }).map(([key, value]) => ({ $typeName: 'onnx.StringStringEntryProto', key, value }))
    writeFileSync(join(folder, 'net.onnx'), toBinary(ModelProtoSchema, model))
    return join(folder, 'net.onnx')
  }
  const graph = readModel(at('w.bin'))
  assert.deepEqual(Buffer.from(graph.parameters[0]!.initializer!.bytes), Buffer.from(rawData!))
  writeModel(graph, join(folder, 'whole.onnx'))
  assert.deepEqual(readFileSync(join(folder, 'whole.onnx')).length > 216, true)
  assert.throws(() => readModel(at('../w.bin')), /"\.\.\/w\.bin" lies outside its folder/)
  assert.throws(() => readModel(at('v.bin')), /net\.onnx: w: its external data "v\.bin" is not there\. Put that file beside it\.$/)
  assert.throws(() => readModel(at('w.bin', '100')), /ends at byte 224, before 316/)
})
