/* libFuzzer around an interpreter: each input goes to one() of harness.py.
 *
 * The codec that Python imports is the one built with sanitizers, so a read outside the buffer ends
 * the run just there; a proof that fails is an exception, which is shown and ends the run too. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__asan_default_options(void);

static PyObject *one;

const char *__asan_default_options(void)
{
    return "malloc_context_size=5:quarantine_size_mb=16:detect_leaks=0";
}

static void stop(void)
{
    PyErr_Print();
    fflush(stderr);
    abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    Py_InitializeEx(0);
    PyObject *harness = PyImport_ImportModule("fuzz.harness");
    one = harness == NULL ? NULL : PyObject_GetAttrString(harness, "one");
    if (one == NULL)
        stop();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    PyObject *found = PyObject_CallFunction(one, "y#", (const char *)data, (Py_ssize_t)size);
    if (found == NULL)
        stop();
    Py_DECREF(found);
    return 0;
}
