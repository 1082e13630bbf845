/**
 * Runs an ONNX file by another runtime, in Python: `python -c SCRIPT RUNTIME FOLDER THREADS`. The folder holds model.onnx, inputs.json and an input_N.bin for each
 * input; outputs.json and an output_N.bin for each output are written there. Then it is timed by the line protocol of `processContender`.
 */
export const BACKEND_SCRIPT = String.raw`
import json, os, sys, time
import numpy as np

runtime, folder, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
path = lambda name: os.path.join(folder, name)
ports = json.load(open(path("inputs.json")))
inputs = {port["name"]: np.fromfile(path(f"input_{i}.bin"), port["dtype"]).reshape(port["shape"]) for i, port in enumerate(ports)}


def openvino():
    import openvino as ov
    core = ov.Core()
    model = core.read_model(path("model.onnx"))
    model.reshape({name: list(array.shape) for name, array in inputs.items()})
    # by itself it computes in less than float32 where that is faster
    settings = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    request = core.compile_model(model, "CPU", settings).create_infer_request()
    return ov.__version__.split("-")[0], lambda: request.infer(inputs), lambda _: [request.get_output_tensor(i).data for i in range(len(model.outputs))]


def tvm():
    import onnx, tvm
    from tvm import relax
    from tvm.relax.frontend.onnx import from_onnx
    module = from_onnx(onnx.load(path("model.onnx")), shape_dict={name: list(array.shape) for name, array in inputs.items()})
    machine = relax.VirtualMachine(tvm.compile(relax.get_pipeline("zero")(module), target="llvm"), tvm.cpu())
    placed = [tvm.runtime.tensor(array) for array in inputs.values()]
    listed = lambda result: [result] if hasattr(result, "numpy") else list(result)
    return tvm.__version__, lambda: machine["main"](*placed), lambda result: [output.numpy() for output in listed(result)]


try:
    version, work, outputs = {"openvino": openvino, "tvm": tvm}[runtime]()
    found = [np.ascontiguousarray(output) for output in outputs(work())]
    for i, output in enumerate(found):
        output.tofile(path(f"output_{i}.bin"))
    json.dump({"version": version, "outputs": [{"dtype": str(output.dtype), "shape": output.shape} for output in found]}, open(path("outputs.json"), "w"))
except Exception as error:
    print("error:", " ".join(str(error).split())[:400] or type(error).__name__, flush=True)
    sys.exit(1)
print("ready", flush=True)
for line in sys.stdin:
    start = time.perf_counter()
    for _ in range(int(line)):
        work()
    print(time.perf_counter() - start, flush=True)
`
