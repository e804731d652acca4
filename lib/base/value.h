#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values
 *
 * What a property, a profile attribute or a condition's operand can be. For conditions long and double are
 * one type, number; they are kept apart here so that a 64-bit CRM id is carried to outputs digit by digit.
 */
#include "lib/base/util.h"

typedef enum ValueType {
    VALUE_NULL,
    VALUE_BOOLEAN,
    VALUE_LONG,
    VALUE_DOUBLE,
    VALUE_STRING,
} ValueType;

typedef struct Value {
    ValueType type;
    union {
        bool boolean;
        int64_t integer;
        double number;
        Str string; /* borrowed */
    };
} Value;

#define VALUE_NONE ((Value){.type = VALUE_NULL})

static inline Value value_double(double number) {
    return (Value){.type = VALUE_DOUBLE, .number = number};
}
static inline Value value_long(int64_t integer) {
    return (Value){.type = VALUE_LONG, .integer = integer};
}
static inline Value value_boolean(bool boolean) {
    return (Value){.type = VALUE_BOOLEAN, .boolean = boolean};
}
/* A null Str makes a null value. */
static inline Value value_string(Str string) {
    return string.data ? (Value){.type = VALUE_STRING, .string = string} : VALUE_NONE;
}
static inline bool value_is_number(Value v) {
    return v.type == VALUE_LONG || v.type == VALUE_DOUBLE;
}
/* Only for values that are numbers. */
static inline double value_number(Value v) {
    return v.type == VALUE_LONG ? (double)v.integer : v.number;
}

/* A named value: an event's property or a lead's profile attribute. */
typedef struct Property {
    Str name;
    Value value;
} Property;

/* The value under `name`, null if there is none. */
static inline Value property_find(const Property *properties, size_t n, Str name) {
    for (size_t i = 0; i < n; i++)
        if (str_eq(properties[i].name, name))
            return properties[i].value;
    return VALUE_NONE;
}
