"""Makes another ONNX file of one: python onnx-tools.py TOOL FROM TO CALIBRATION. The calibration is a NumPy file of float32 samples."""
import logging
import sys

import numpy as np
import onnx

tool, source, target, calibration = sys.argv[1:]
logging.disable(logging.WARNING)


def samples():
    model = onnx.load(source, load_external_data=False)
    return [{model.graph.input[0].name: sample[None]} for sample in np.load(calibration)]


def onnxsim():
    import onnxsim
    onnx.save(onnxsim.simplify(source)[0], target)


def onnxscript():
    from onnxscript import optimizer
    onnx.save(optimizer.optimize(onnx.load(source)), target)


def onnxruntime_shapes():
    from onnxruntime.quantization.shape_inference import quant_pre_process
    quant_pre_process(source, target)


def onnxruntime_int8():
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static

    class Reader(CalibrationDataReader):
        def __init__(self):
            self.left = iter(samples())

        def get_next(self):
            return next(self.left, None)

    onnxruntime_shapes()
    quantize_static(target, target, Reader(), per_channel=True, activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8)


def nncf_int8():
    import nncf
    onnx.save(nncf.quantize(onnx.load(source), nncf.Dataset(samples())), target)


{"onnxsim": onnxsim, "onnxscript": onnxscript, "onnxruntime-shapes": onnxruntime_shapes, "onnxruntime-int8": onnxruntime_int8, "nncf-int8": nncf_int8}[tool]()
