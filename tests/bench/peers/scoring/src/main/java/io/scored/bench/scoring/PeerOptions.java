// SPDX-License-Identifier: Apache-2.0
package io.scored.bench.scoring;

import java.util.HashMap;
import java.util.Map;

/** What the harness tells a peer: --name VALUE pairs. */
public final class PeerOptions {
    private final Map<String, String> values = new HashMap<>();

    public PeerOptions(String[] args) {
        for (int i = 0; i < args.length; i += 2) {
            if (!args[i].startsWith("--") || i + 1 == args.length) {
                throw new IllegalArgumentException("not an option with a value: " + args[i]);
            }
            values.put(args[i].substring(2), args[i + 1]);
        }
    }

    public String text(String name) {
        String value = values.get(name);
        if (value == null) {
            throw new IllegalArgumentException("--" + name + " is needed");
        }
        return value;
    }

    public String text(String name, String otherwise) {
        return values.getOrDefault(name, otherwise);
    }

    public long number(String name, long otherwise) {
        return Long.parseLong(values.getOrDefault(name, Long.toString(otherwise)));
    }
}
