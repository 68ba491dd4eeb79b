using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;

namespace LlmProxy.Events.Redis;

/// <summary>
/// The bytes of the spool, numbers little-endian. At its start are two slots that say how far it has been sent, of
/// which the one with the higher version and a right checksum holds; behind them one record an event:
/// <code>
/// slot:    magic 8 · version 8 · sent up to 8 · end 8 · CRC-32C of all that 4
/// record:  mark 4 · length of the payload 4 · CRC-32C of the payload 4 · payload
/// payload: sender 16 · number 8 · length of the id 2 · id · JSON
/// </code>
/// The mark holds bytes that occur in no UTF-8 text, so that behind damage the next record can be found.
/// </summary>
internal static class SpoolFormat
{
    /// <summary>Where the first record begins. The slots lie in sectors of their own.</summary>
    public const int Start = 1_024;

    public const int SlotBytes = 36;
    public const int HeadBytes = 12;

    private const int SecondSlot = 512;
    private const int PayloadBytesMin = 26;

    private static ReadOnlySpan<byte> Magic => "llmpspl1"u8;

    public static ReadOnlySpan<byte> Mark => [0xFF, 0xFE, 0xF8, 0xFD];

    public static int OffsetOf(long version) => version % 2 == 0 ? 0 : SecondSlot;

    public static void WriteSlot(Span<byte> slot, SpoolProgress progress)
    {
        Magic.CopyTo(slot);
        BinaryPrimitives.WriteInt64LittleEndian(slot[8..], progress.Version);
        BinaryPrimitives.WriteInt64LittleEndian(slot[16..], progress.SentUpTo);
        BinaryPrimitives.WriteInt64LittleEndian(slot[24..], progress.End);
        BinaryPrimitives.WriteUInt32LittleEndian(slot[32..], Crc32C.Of(slot[..32]));
    }

    /// <summary>What the first bytes of a file say; null when no slot is whole.</summary>
    public static SpoolProgress? ReadSlots(ReadOnlySpan<byte> start)
    {
        var (first, second) = (ReadSlot(start), ReadSlot(start[Math.Min(SecondSlot, start.Length)..]));
        return first is { } one && (second is not { } other || one.Version > other.Version) ? first : second;
    }

    public static int RecordBytesOf(OutgoingEvent outgoing) => HeadBytes + PayloadBytesMin
        + Encoding.UTF8.GetByteCount(outgoing.Record.Id) + outgoing.Record.Json.Length;

    public static void WriteRecord(ArrayBufferWriter<byte> into, OutgoingEvent outgoing)
    {
        var json = outgoing.Record.Json.Span;
        var length = RecordBytesOf(outgoing);
        var record = into.GetSpan(length)[..length];
        var payload = record[HeadBytes..];
        outgoing.Sender.TryWriteBytes(payload);
        BinaryPrimitives.WriteInt64LittleEndian(payload[16..], outgoing.Number);
        var idBytes = Encoding.UTF8.GetBytes(outgoing.Record.Id, payload[PayloadBytesMin..]);
        BinaryPrimitives.WriteUInt16LittleEndian(payload[24..], (ushort)idBytes);
        json.CopyTo(payload[(PayloadBytesMin + idBytes)..]);

        Mark.CopyTo(record);
        BinaryPrimitives.WriteInt32LittleEndian(record[4..], length - HeadBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(record[8..], Crc32C.Of(payload));
        into.Advance(record.Length);
    }

    /// <summary>
    /// How long the payload is whose record begins like this, if it is one at all; -1 if it is none.
    /// </summary>
    /// <param name="head">The first <see cref="HeadBytes"/>.</param>
    /// <param name="left">How many bytes there are behind them.</param>
    public static int PayloadBytesOf(ReadOnlySpan<byte> head, long left)
    {
        var length = BinaryPrimitives.ReadInt32LittleEndian(head[4..]);
        return head.StartsWith(Mark) && length >= PayloadBytesMin && length <= left ? length : -1;
    }

    /// <summary>Whether this is what was written, and not what a dying process or disk made of it.</summary>
    public static bool IsWhole(ReadOnlySpan<byte> record)
    {
        var payload = record[HeadBytes..];
        return BinaryPrimitives.ReadUInt16LittleEndian(payload[24..]) <= payload.Length - PayloadBytesMin
            && BinaryPrimitives.ReadUInt32LittleEndian(record[8..]) == Crc32C.Of(payload);
    }

    /// <summary>The event of a whole record.</summary>
    public static OutgoingEvent ReadRecord(ReadOnlySpan<byte> record)
    {
        var payload = record[HeadBytes..];
        var id = payload.Slice(PayloadBytesMin, BinaryPrimitives.ReadUInt16LittleEndian(payload[24..]));
        return new OutgoingEvent(
            new Guid(payload[..16]),
            BinaryPrimitives.ReadInt64LittleEndian(payload[16..]),
            new EventRecord(Encoding.UTF8.GetString(id), payload[(PayloadBytesMin + id.Length)..].ToArray()));
    }

    private static SpoolProgress? ReadSlot(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < SlotBytes
            || !bytes.StartsWith(Magic)
            || BinaryPrimitives.ReadUInt32LittleEndian(bytes[32..]) != Crc32C.Of(bytes[..32]))
        {
            return null;
        }

        return new SpoolProgress(
            BinaryPrimitives.ReadInt64LittleEndian(bytes[8..]),
            BinaryPrimitives.ReadInt64LittleEndian(bytes[16..]),
            BinaryPrimitives.ReadInt64LittleEndian(bytes[24..]));
    }
}

/// <summary>How far the spool has been sent. Positions are the file's.</summary>
/// <param name="Version">Grows with each writing.</param>
/// <param name="SentUpTo">Where the first event begins that Redis may not have.</param>
/// <param name="End">
/// Where the last event ends, while what is behind it is being cut off; 0: at the end of the file.
/// </param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct SpoolProgress(long Version, long SentUpTo, long End);
