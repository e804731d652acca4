// SPDX-License-Identifier: Apache-2.0
package io.scored.bench.scoring;

/**
 * All that is known of one lead. One object serves all leads in turn: unpack() fills it from a stored record and pack() makes the new one.
 */
public final class LeadState {
    /** No instant. */
    public static final long NONE = Long.MIN_VALUE;
    /** After all instants. */
    public static final long NEVER = Long.MAX_VALUE;

    /** The latest ids of events that are kept. */
    static final int SEEN_MAX = 64;
    private static final int FORMAT = 1;

    // phases of the SLA's clock
    static final int NO_CLOCK = 0, OPEN = 1, REVISABLE = 2;

    long clock;
    /** What a score is worth at `scoredAt`. */
    final double[] value = new double[Model.SCORES];
    final long[] scoredAt = new long[Model.SCORES];

    int stage;
    /** Of the last StageChanged, and of the last output. */
    long sequence, ordinal;
    final long[] enteredAt = new long[Model.STAGES];

    /**
     * In stage mql: when the total falls below `mql_down`, as of when that was last worked out. What has been added since can only have moved
     * it later; `crossingIsExact` says that nothing has.
     */
    long crossingAt;
    boolean crossingIsExact;

    int phase;
    long epoch, startedAt;
    boolean warned, breached;
    final Text startEventId = new Text();

    /** The timer that is set for the lead; NONE. It may be earlier than the next moment, never later. */
    private long armedAt;

    final Text accountId = new Text(), firstSource = new Text(), lastSource = new Text();
    final Profile profile = new Profile();
    final Awards awards = new Awards();

    private final byte[] seen = new byte[16 * SEEN_MAX];
    private int nSeen;

    private final Packer packer = new Packer();
    private final Unpacker unpacker = new Unpacker();

    public LeadState() {
        clear();
    }

    /** A lead that never was. */
    public void clear() {
        clock = NONE;
        for (int i = 0; i < Model.SCORES; i++) {
            value[i] = 0;
            scoredAt[i] = NONE;
        }
        stage = Model.LEAD;
        sequence = ordinal = 0;
        for (int i = 0; i < Model.STAGES; i++) {
            enteredAt[i] = NONE;
        }
        crossingAt = NEVER;
        crossingIsExact = false;
        phase = NO_CLOCK;
        epoch = 0;
        startedAt = NONE;
        warned = breached = false;
        startEventId.clear();
        armedAt = NONE;
        accountId.clear();
        firstSource.clear();
        lastSource.clear();
        profile.clear();
        awards.clear();
        nSeen = 0;
    }

    public long armedAt() {
        return armedAt;
    }

    public void setArmedAt(long at) {
        armedAt = at;
    }

    // --- ids of events ---

    boolean hasSeen(EventKey key) {
        for (int i = 0; i < nSeen; i++) {
            if (Bytes.getLong(seen, 16 * i) == key.high && Bytes.getLong(seen, 16 * i + 8) == key.low) {
                return true;
            }
        }
        return false;
    }

    void addSeen(EventKey key) {
        if (nSeen == SEEN_MAX) {
            System.arraycopy(seen, 16, seen, 0, 16 * (SEEN_MAX - 1));
            nSeen--;
        }
        Bytes.putLong(seen, 16 * nSeen, key.high);
        Bytes.putLong(seen, 16 * nSeen + 8, key.low);
        nSeen++;
    }

    // --- the stored form: instants as their distance from the clock ---

    private void packTime(long at) {
        packer.putNumber(at == NONE || at == NEVER ? 0 : 1 + (clock - at << 1 ^ clock - at >> 63));
    }

    private long unpackTime(long none) {
        long n = unpacker.getNumber();
        if (n == 0) {
            return none;
        }
        n--;
        return clock - (n >>> 1 ^ -(n & 1));
    }

    public byte[] pack() {
        packer.reset();
        packer.putByte(FORMAT);
        packer.putByte(stage | phase << 3 | (warned ? 1 << 5 : 0) | (breached ? 1 << 6 : 0));
        packer.putByte((crossingIsExact ? 1 : 0) | (profile.isLarge ? 2 : 0) | (profile.isDecider ? 4 : 0));
        packer.putSigned(clock);
        for (int i = 0; i < Model.SCORES; i++) {
            packTime(scoredAt[i]);
            if (scoredAt[i] != NONE) {
                packer.putDouble(value[i]);
            }
        }
        packer.putNumber(sequence);
        packer.putNumber(ordinal);
        for (int i = 0; i < Model.STAGES; i++) {
            packTime(enteredAt[i]);
        }
        packTime(crossingAt);
        packer.putNumber(epoch);
        packTime(startedAt);
        packer.putText(startEventId);
        packTime(armedAt);
        packer.putText(accountId);
        packer.putText(firstSource);
        packer.putText(lastSource);
        packer.putNumber(profile.length);
        packer.putBytes(profile.bytes, profile.length);
        packer.putByte(awards.n);
        packer.putNumber(awards.length);
        packer.putBytes(awards.bytes, awards.length);
        packer.putByte(nSeen);
        packer.putBytes(seen, 16 * nSeen);
        return packer.toBytes();
    }

    public void unpack(byte[] record) {
        unpacker.set(record);
        if (unpacker.getByte() != FORMAT) {
            throw new IllegalArgumentException("a record of another format");
        }
        int flags = unpacker.getByte();
        stage = flags & 7;
        phase = flags >> 3 & 3;
        warned = (flags & 1 << 5) != 0;
        breached = (flags & 1 << 6) != 0;
        flags = unpacker.getByte();
        crossingIsExact = (flags & 1) != 0;
        profile.isLarge = (flags & 2) != 0;
        profile.isDecider = (flags & 4) != 0;
        clock = unpacker.getSigned();
        for (int i = 0; i < Model.SCORES; i++) {
            scoredAt[i] = unpackTime(NONE);
            value[i] = scoredAt[i] == NONE ? 0 : unpacker.getDouble();
        }
        sequence = unpacker.getNumber();
        ordinal = unpacker.getNumber();
        for (int i = 0; i < Model.STAGES; i++) {
            enteredAt[i] = unpackTime(NONE);
        }
        crossingAt = unpackTime(NEVER);
        epoch = unpacker.getNumber();
        startedAt = unpackTime(NONE);
        unpacker.getText(startEventId);
        armedAt = unpackTime(NONE);
        unpacker.getText(accountId);
        unpacker.getText(firstSource);
        unpacker.getText(lastSource);
        profile.length = (int) unpacker.getNumber();
        profile.reserve(profile.length);
        unpacker.getBytes(profile.bytes, profile.length);
        awards.n = unpacker.getByte();
        awards.length = (int) unpacker.getNumber();
        unpacker.getBytes(awards.bytes, awards.length);
        nSeen = unpacker.getByte();
        unpacker.getBytes(seen, 16 * nSeen);
    }
}
