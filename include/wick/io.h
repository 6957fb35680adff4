/* wick/io.h -- files: weights, checkpoints, and named tensors in the safetensors format.
 *
 * The format is read and written by PyTorch, JAX, NumPy and many more (https://huggingface.co/docs/safetensors). Names
 * are those of PyTorch's state_dict ("rnn.weight_ih_l0"), so weights go either way:
 *
 *     safetensors.torch.save_file(net.state_dict(), "net.safetensors")            # Python
 *     wk_load("net.safetensors", net, 0, NULL);                                   // C
 *
 * A file is written beside its final place, synced to disk and renamed: whatever fails, the old file stays intact. A
 * file that is read is checked in full before anything changes: if it is truncated, forged or of another format, the
 * call fails with EFORMAT and a reason. EIO names the path and the system's message. Every function that reads may give
 * either, every function that writes EIO.
 *
 * These calls report failures by their status and do not stick, so looking for a file that may not exist is harmless:
 *
 *     wk_error e;
 *     if (wk_load("net.safetensors", net, 0, &e) != WK_OK) printf("a fresh start, for %s\n", e.message);
 *
 * error may be NULL; without a failure it is set to zero. While the failure of another call is pending (NOTE [Failure
 * sticks]) these functions do nothing, and report that failure. */
#ifndef WICK_IO_H
#define WICK_IO_H

#include "wick/optim.h"

WK_BEGIN_DECLS

/* ----------------------------------------------------------------------------------------------------- weights --- */

/* Writes all parameters and buffers of a module, under their dotted names below it. A shared parameter is written under
 * each of its names. Errors: EIO. */
WK_API wk_status wk_save(const char *path, const wk_module *module, wk_error *error);

/* Sets all parameters and buffers of a module from a file. Names, shapes and types must be the same on both sides;
 * otherwise nothing changes, and the message names what differs: "load: net.safetensors: out.bias is missing;
 * out.weight is (2,32), not (1,32); scale is unexpected". With WK_LOAD_PARTIAL a name may be missing on either side;
 * with WK_LOAD_CONVERT floating types may differ, and values are rounded to nearest, ties to even. Errors: EIO,
 * EFORMAT; for the first thing that does not fit: EINVAL (a name), ESHAPE, EDTYPE; EINVAL also for a checkpoint
 * (below). */
enum { WK_LOAD_PARTIAL = 1, WK_LOAD_CONVERT = 2 };
WK_API wk_status wk_load(const char *path, wk_module *module, uint32_t flags, wk_error *error);

/* ------------------------------------------------------------------------------------------------- checkpoints --- */

/* Writes what a training goes on from: the state of the module, of its optimisers (moments, counts of steps, options,
 * learning rate) and of the random stream. What else must go on belongs into buffers of the module. A program that
 * loads the file into a module and optimisers made in the same way computes what this one would have, bit for bit:
 *
 *     if (resume) wk_checkpoint_load("run.safetensors", net, &adam, 1, &e);
 *     ...
 *     wk_checkpoint_save("run.safetensors", net, &adam, 1, &e);                 // now and then
 *
 * Errors: EIO, EINVAL (more than 64 optimisers). */
WK_API wk_status wk_checkpoint_save(const char *path, wk_module *module, wk_optim *const *optims, int32_t optim_count,
                                    wk_error *error);

/* Loads such a file. Names and shapes are checked as by wk_load, and optimisers must be of the kinds that were saved;
 * otherwise nothing changes. Without optimisers (NULL, 0) those in the file are ignored, for a program that only uses
 * the trained module. Errors: EIO, EFORMAT (also an impossible number, such as a beta of 2), and EINVAL, ESHAPE and
 * EDTYPE for what does not fit. */
WK_API wk_status wk_checkpoint_load(const char *path, wk_module *module, wk_optim *const *optims, int32_t optim_count,
                                    wk_error *error);

/* ----------------------------------------------------------------------------------------------- named tensors --- */

/* Writes a file of `count` tensors, each under its name, with the bytes that the format's own library would write.
 * Errors: EIO, EINVAL (a name occurs twice, is not UTF-8, or is "__metadata__"). */
WK_API wk_status wk_safetensors_write(const char *path, const char *const *names, wk_tensor *const *tensors,
                                      int64_t count, wk_error *error);

/* Opens a file and reads its header; NULL on failure. The caller closes it; closing NULL is allowed. Errors: EIO,
 * EFORMAT. */
typedef struct wk_safetensors wk_safetensors;
WK_API wk_safetensors *wk_safetensors_open(const char *path, wk_error *error);
WK_API void wk_safetensors_close(wk_safetensors *file);

/* The contents, in the order of names: how many tensors there are; the name of a tensor by its number, its type as the
 * format calls it ("F32", "BF16"), and its shape. Valid until the file is closed; NULL for a number out of range. */
WK_API int64_t wk_safetensors_count(const wk_safetensors *file);
WK_API const char *wk_safetensors_name(const wk_safetensors *file, int64_t index);
WK_API const char *wk_safetensors_type(const wk_safetensors *file, int64_t index);
WK_API const int64_t *wk_safetensors_dims(const wk_safetensors *file, int64_t index, int32_t *ndim);

/* The text under this key of __metadata__, or NULL. Valid until the file is closed. */
WK_API const char *wk_safetensors_metadata(const wk_safetensors *file, const char *key);

/* Reads the tensor of this name into *t, owned by the innermost scope; NULL on failure. Errors: EIO, EINVAL (there is
 * none of this name), EDTYPE (wick does not have its type). */
WK_API wk_status wk_safetensors_read(const wk_safetensors *file, const char *name, wk_tensor **t, wk_error *error);

WK_END_DECLS

#endif
