// SPDX-License-Identifier: Apache-2.0
package io.scored.bench.scoring;

import java.util.Arrays;
import org.apache.avro.util.Utf8;

/** 128 bits that stand for an event id: the UUID itself where it is one in canonical form, else a hash. */
final class EventKey {
    private static final int UUID_LENGTH = 36;
    private static final byte[] DIGIT_VALUES = new byte[128];
    private static final char[] DIGITS = "0123456789abcdef".toCharArray();

    static {
        Arrays.fill(DIGIT_VALUES, (byte) -1);
        for (int i = 0; i < DIGITS.length; i++) {
            DIGIT_VALUES[DIGITS[i]] = (byte) i;
        }
    }

    long high, low;
    boolean isUuid;

    void set(Utf8 id) {
        isUuid = id.getByteLength() == UUID_LENGTH && parse(id.getBytes());
        if (!isUuid) {
            hash(id.getBytes(), id.getByteLength());
        }
    }

    private static boolean isHyphenAt(int i) {
        return i == 8 || i == 13 || i == 18 || i == 23;
    }

    private boolean parse(byte[] text) {
        long half = 0, first = 0;
        int digits = 0;
        for (int i = 0; i < UUID_LENGTH; i++) {
            if (isHyphenAt(i)) {
                if (text[i] != '-') {
                    return false;
                }
                continue;
            }
            int value = text[i] < 0 ? -1 : DIGIT_VALUES[text[i]];
            if (value < 0) {
                return false;
            }
            half = half << 4 | value;
            if (++digits == 16) {
                first = half;
            }
        }
        high = first;
        low = half;
        return true;
    }

    /** Two multiplicative hashes of different seeds. */
    private void hash(byte[] text, int length) {
        long a = 0x9e3779b97f4a7c15L ^ length, b = 0xc2b2ae3d27d4eb4fL;
        for (int i = 0; i < length; i++) {
            a = Long.rotateLeft((a ^ text[i]) * 0xff51afd7ed558ccdL, 29);
            b = Long.rotateLeft((b + text[i]) * 0x9fb21c651e98df25L, 31);
        }
        high = mix(a);
        low = mix(b ^ a);
    }

    private static long mix(long x) {
        x = (x ^ x >>> 33) * 0xff51afd7ed558ccdL;
        x = (x ^ x >>> 33) * 0xc4ceb9fe1a85ec53L;
        return x ^ x >>> 33;
    }

    /** The canonical form of a UUID. */
    static Utf8 print(long high, long low) {
        byte[] text = new byte[UUID_LENGTH];
        for (int i = 0, digit = 0; i < UUID_LENGTH; i++) {
            if (isHyphenAt(i)) {
                text[i] = '-';
                continue;
            }
            long half = digit < 16 ? high : low;
            text[i] = (byte) DIGITS[(int) (half >>> (60 - 4 * (digit & 15))) & 15];
            digit++;
        }
        return new Utf8(text);
    }
}
