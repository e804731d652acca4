// SPDX-License-Identifier: Apache-2.0
package io.scored.bench.scoring;

/** Reads what a Packer wrote. */
final class Unpacker {
    private byte[] bytes;
    private int at;

    void set(byte[] record) {
        bytes = record;
        at = 0;
    }

    int getByte() {
        return bytes[at++];
    }

    long getNumber() {
        long value = 0;
        for (int shift = 0;; shift += 7) {
            byte b = bytes[at++];
            value |= (long) (b & 0x7f) << shift;
            if (b >= 0) {
                return value;
            }
        }
    }

    long getSigned() {
        long value = getNumber();
        return value >>> 1 ^ -(value & 1);
    }

    double getDouble() {
        double value = Bytes.getDouble(bytes, at);
        at += 8;
        return value;
    }

    void getBytes(byte[] to, int n) {
        System.arraycopy(bytes, at, to, 0, n);
        at += n;
    }

    void getText(Text text) {
        int n = (int) getNumber();
        if (n == 0) {
            text.clear();
            return;
        }
        text.set(bytes, at, n - 1);
        at += n - 1;
    }
}
