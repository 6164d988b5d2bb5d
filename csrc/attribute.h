/* Where instances of a type keep an attribute: the offset of a slot, so that reading twenty fields
 * of an order is twenty loads and no look-up. */
#ifndef FIXENGINE_ATTRIBUTE_H
#define FIXENGINE_ATTRIBUTE_H

#include <Python.h>
#include <structmember.h>

/* The offset of the slot behind `found`, which is what a plain look-up of an attribute gives on
 * this type; -1 where that is no slot of an object, or the type has its own idea of attributes. */
static inline Py_ssize_t attribute_offset(PyTypeObject *type, PyObject *found)
{
    const PyMemberDescrObject *slot = (const PyMemberDescrObject *)found;
    if (type->tp_getattro != PyObject_GenericGetAttr || !Py_IS_TYPE(found, &PyMemberDescr_Type)
        || !PyType_IsSubtype(type, PyDescr_TYPE(found)))
        return -1;
    if (slot->d_member->type != T_OBJECT_EX && slot->d_member->type != T_OBJECT)
        return -1;
#ifdef Py_RELATIVE_OFFSET
    if (slot->d_member->flags & Py_RELATIVE_OFFSET)
        return -1;
#endif
    return slot->d_member->offset;
}

/* Whether instances have no attributes but those that stand in the classes of their type. */
static inline int attribute_is_plain(PyTypeObject *type)
{
    return type->tp_getattro == PyObject_GenericGetAttr && type->tp_dictoffset == 0
#ifdef Py_TPFLAGS_MANAGED_DICT
           && !(type->tp_flags & Py_TPFLAGS_MANAGED_DICT)
#endif
        ;
}

/* What the slot holds: borrowed, NULL where nothing was stored. */
static inline PyObject *attribute_at(PyObject *object, Py_ssize_t offset)
{
    return *(PyObject **)((char *)object + offset);
}

#endif
