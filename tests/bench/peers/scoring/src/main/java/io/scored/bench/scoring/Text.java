// SPDX-License-Identifier: Apache-2.0
package io.scored.bench.scoring;

import java.util.Arrays;
import org.apache.avro.util.Utf8;

/** A text or null, in memory that is used again. */
final class Text {
    private byte[] bytes = new byte[32];
    private int length = -1;

    boolean isNull() {
        return length < 0;
    }

    int length() {
        return length;
    }

    byte[] bytes() {
        return bytes;
    }

    void clear() {
        length = -1;
    }

    void set(byte[] from, int at, int n) {
        if (bytes.length < n) {
            bytes = new byte[n];
        }
        System.arraycopy(from, at, bytes, 0, n);
        length = n;
    }

    void set(Utf8 text) {
        set(text.getBytes(), 0, text.getByteLength());
    }

    /** A copy. */
    Utf8 toUtf8() {
        return isNull() ? null : new Utf8(Arrays.copyOf(bytes, length));
    }
}
