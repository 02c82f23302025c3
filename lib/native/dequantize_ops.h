// TensorFlow operations for CPU: NcoreDequantizeInt8, NcoreDequantizeNf4.
#pragma once

namespace ncore {

// Registers them with TensorFlow; later calls do nothing. Throws when TensorFlow refuses.
void RegisterDequantizeOps();

}  // namespace ncore
