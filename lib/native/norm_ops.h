// TensorFlow operations for CPU: NcoreRmsNorm, NcoreRmsNormGrad, NcoreLayerNorm, NcoreLayerNormGrad.
#pragma once

namespace ncore {

// Registers them with TensorFlow; later calls do nothing. Throws when TensorFlow refuses.
void RegisterNormOps();

}  // namespace ncore
