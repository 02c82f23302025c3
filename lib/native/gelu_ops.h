// TensorFlow operations for CPU: NcoreGelu and NcoreGeluGrad, the tanh GELU.
#pragma once

namespace ncore {

// Registers them with TensorFlow; later calls do nothing. Throws when TensorFlow refuses.
void RegisterGeluOps();

}  // namespace ncore
