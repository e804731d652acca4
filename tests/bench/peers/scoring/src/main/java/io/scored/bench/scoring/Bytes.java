// SPDX-License-Identifier: Apache-2.0
package io.scored.bench.scoring;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import org.apache.avro.util.Utf8;

/** Numbers and texts in byte arrays. */
final class Bytes {
    private static final VarHandle LONG = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    private Bytes() {}

    static long getLong(byte[] bytes, int at) {
        return (long) LONG.get(bytes, at);
    }

    static void putLong(byte[] bytes, int at, long value) {
        LONG.set(bytes, at, value);
    }

    static double getDouble(byte[] bytes, int at) {
        return Double.longBitsToDouble(getLong(bytes, at));
    }

    static void putDouble(byte[] bytes, int at, double value) {
        putLong(bytes, at, Double.doubleToRawLongBits(value));
    }

    /** Does the text hold the part, which is in lower case, in any case of ASCII letters? */
    static boolean containsIgnoringCase(Utf8 text, byte[] part) {
        byte[] bytes = text.getBytes();
        int last = text.getByteLength() - part.length;
        for (int i = 0; i <= last; i++) {
            int k = 0;
            while (k < part.length && lower(bytes[i + k]) == part[k]) {
                k++;
            }
            if (k == part.length) {
                return true;
            }
        }
        return false;
    }

    private static byte lower(byte b) {
        return b >= 'A' && b <= 'Z' ? (byte) (b + ('a' - 'A')) : b;
    }
}
