// SPDX-License-Identifier: Apache-2.0
package io.scored.bench.scoring;

import java.util.Arrays;

/** Writes a record into a buffer that is used again for the next one. */
final class Packer {
    private byte[] bytes = new byte[4096];
    private int length;

    void reset() {
        length = 0;
    }

    byte[] toBytes() {
        return Arrays.copyOf(bytes, length);
    }

    private void reserve(int n) {
        if (length + n > bytes.length) {
            bytes = Arrays.copyOf(bytes, Math.max(2 * bytes.length, length + n));
        }
    }

    void putByte(int value) {
        reserve(1);
        bytes[length++] = (byte) value;
    }

    /** A number that is not negative takes a byte for each 7 bits. */
    void putNumber(long value) {
        reserve(10);
        while ((value & ~0x7fL) != 0) {
            bytes[length++] = (byte) (value & 0x7f | 0x80);
            value >>>= 7;
        }
        bytes[length++] = (byte) value;
    }

    void putSigned(long value) {
        putNumber(value << 1 ^ value >> 63);
    }

    void putDouble(double value) {
        reserve(8);
        Bytes.putDouble(bytes, length, value);
        length += 8;
    }

    void putBytes(byte[] from, int n) {
        reserve(n);
        System.arraycopy(from, 0, bytes, length, n);
        length += n;
    }

    void putText(Text text) {
        putNumber(text.isNull() ? 0 : text.length() + 1);
        if (!text.isNull()) {
            putBytes(text.bytes(), text.length());
        }
    }
}
