using System.Buffers.Binary;
using System.Text;
using CsCheck;
using LlmProxy.Usage;
using LlmProxy.Usage.Reading;
using Xunit;

namespace LlmProxy.Tests.Usage.Reading;

public sealed class RealtimeReaderTests
{
    private const string Done =
        """
        {"type":"response.done","event_id":"e","response":{"id":"r","status":"completed","usage":{"total_tokens":253,
        "input_tokens":132,"output_tokens":121,
        "input_token_details":{"text_tokens":119,"audio_tokens":13,"image_tokens":0,"cached_tokens":64,
        "cached_tokens_details":{"text_tokens":64,"audio_tokens":0}},
        "output_token_details":{"text_tokens":30,"audio_tokens":91}}}}
        """;

    private const string Transcribed =
        """
        {"type":"conversation.item.input_audio_transcription.completed","transcript":"Hey",
        "usage":{"type":"tokens","total_tokens":22,"input_tokens":13,"input_token_details":{"text_tokens":0,
        "audio_tokens":13},"output_tokens":9}}
        """;

    private static readonly RealtimeTurn Begun = new(RealtimeTurnKind.Created, default, UsageFaults.None);

    private static readonly RealtimeTurn Over = new(
        RealtimeTurnKind.Done,
        new UsageReport(UsageSource.Reported, 132, 121, Cached: 64, AudioPrompt: 13, AudioCompletion: 91),
        UsageFaults.None);

    private static readonly byte[] Session =
    [
        .. Frame(1, "{\"type\":\"session.created\",\"session\":{\"model\":\"gpt-realtime\","
            + "\"usage\":{\"input_tokens\":1}}}"),
        .. Frame(1, "{\"type\":\"response.created\",\"response\":{\"usage\":null}}"),
        .. Frame(9, "ping"),
        .. Frame(1, $"{{\"type\":\"response.output_audio.delta\",\"delta\":\"{new string('A', 70_000)}\"}}"),
        .. Frame(1, Done[..90], isLast: false),
        .. Frame(10, ""),
        .. Frame(0, Done[90..200], isLast: false, isMasked: true),
        .. Frame(0, Done[200..]),
        .. Frame(2, Done),
        .. Frame(1, "{\"type\":\"error\",\"error\":{}}"),
        .. Frame(1, Transcribed, isMasked: true),
        .. Frame(8, "\u0003\u00e8"),
    ];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(13)]
    [InlineData(1000)]
    [InlineData(100_000)]
    public void Turns_are_told_wherever_the_frames_break(int size)
    {
        using var reader = ReaderOf(Session, size);

        Assert.Equal(
            [
                Begun,
                Over,
                new RealtimeTurn(
                    RealtimeTurnKind.Transcribed,
                    new UsageReport(UsageSource.Reported, 13, 9, AudioPrompt: 13),
                    UsageFaults.None),
            ],
            TurnsOf(reader));
        Assert.Equal(("gpt-realtime", false), (reader.Model, reader.IsUnreadable));
    }

    [Fact]
    public void A_response_without_usage_is_over_too()
    {
        using var reader = ReaderOf(Frame(1, "{\"type\":\"response.done\",\"response\":{\"usage\":null}}"), 100);

        Assert.Equal([new RealtimeTurn(RealtimeTurnKind.Done, default, UsageFaults.None)], TurnsOf(reader));
    }

    [Fact]
    public void One_turn_leaves_nothing_to_the_next()
    {
        byte[] both =
        [
            .. Frame(1, "{\"type\":\"response.done\",\"response\":{\"usage\":{\"input_tokens\":-1}}}"),
            .. Frame(1, Done),
            .. Frame(1, "{\"type\":\"response.done\",\"response\":{}}"),
        ];
        using var reader = ReaderOf(both, 50);

        Assert.Equal(
            [
                new RealtimeTurn(RealtimeTurnKind.Done, default, UsageFaults.Implausible),
                Over,
                new RealtimeTurn(RealtimeTurnKind.Done, default, UsageFaults.None),
            ],
            TurnsOf(reader));
    }

    [Theory]
    [InlineData(0xC1)]
    [InlineData(0xA1)]
    [InlineData(0x83)]
    public void Compression_is_told_once_and_then_nothing_is_read(byte first)
    {
        byte[] frames = [.. Frame(1, Done), first, 0x01, 0x00, .. Frame(1, Done), first, 0x00];
        using var reader = ReaderOf(frames, 10);

        Assert.Equal(
            [Over, new RealtimeTurn(RealtimeTurnKind.Unreadable, default, UsageFaults.Unreadable)], TurnsOf(reader));
        Assert.True(reader.IsUnreadable);
    }

    [Fact]
    public void Turns_that_nobody_takes_are_added_up()
    {
        using var reader = new RealtimeReader();
        for (var turn = 0; turn < 3 * RealtimeReader.TurnsMax; turn++)
        {
            reader.Read(Frame(1, "{\"type\":\"response.created\"}"));
            reader.Read(Frame(1, Done));
        }

        var turns = TurnsOf(reader);

        Assert.Equal(RealtimeReader.TurnsMax + 1, turns.Count);
        Assert.Equal(3 * RealtimeReader.TurnsMax * 132, turns.Sum(static turn => turn.Usage.Prompt));
        Assert.Equal(3 * RealtimeReader.TurnsMax * 121, turns.Sum(static turn => turn.Usage.Completion));
    }

    [Fact]
    public void A_frame_may_be_as_long_as_its_length_can_tell()
    {
        using var reader = new RealtimeReader();
        reader.Read([0x81, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]);
        reader.Read(Encoding.UTF8.GetBytes(Done));

        Assert.Equal((false, 0), (reader.IsUnreadable, TurnsOf(reader).Count));
    }

    [Fact]
    public void Any_bytes_are_read_without_an_exception() =>
        Gen.Select(Gen.Byte.Array[0, 300], Gen.Int[0, 3000], Gen.Byte, Gen.Int[1, 50]).Sample(
            static (bytes, at, wrong, size) =>
            {
                using var random = ReaderOf(bytes, size);
                var changed = Session[^3000..];
                changed[at % changed.Length] = wrong;
                using var mutated = ReaderOf(changed, size);
            },
            iter: 1000, threads: 2);

    [Fact]
    public void Sound_that_passes_allocates_nothing()
    {
        var sound = Frame(1, $"{{\"type\":\"response.output_audio.delta\",\"delta\":\"{new string('A', 5_000)}\"}}");
        using var reader = new RealtimeReader();
        reader.Read(sound);

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var round = 0; round < 10_000; round++)
        {
            reader.Read(sound);
        }

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1000);
    }

    private static RealtimeReader ReaderOf(byte[] bytes, int size)
    {
        var reader = new RealtimeReader();
        foreach (var piece in bytes.Chunk(size))
        {
            reader.Read(piece);
        }

        return reader;
    }

    private static List<RealtimeTurn> TurnsOf(RealtimeReader reader)
    {
        var turns = new List<RealtimeTurn>();
        while (reader.TryTake(out var turn))
        {
            turns.Add(turn);
        }

        return turns;
    }

    private static byte[] Frame(int opcode, string text, bool isLast = true, bool isMasked = false)
    {
        var payload = Encoding.Latin1.GetBytes(text);
        var mask = isMasked ? (byte[])[1, 2, 3, 4] : [];
        for (var index = 0; isMasked && index < payload.Length; index++)
        {
            payload[index] ^= mask[index % 4];
        }

        var length = new byte[8];
        BinaryPrimitives.WriteInt64BigEndian(length, payload.Length);
        var mark = isMasked ? 0x80 : 0;
        byte[] head = payload.Length switch
        {
            < 126 => [(byte)(mark | payload.Length)],
            <= ushort.MaxValue => [(byte)(mark | 126), .. length[6..]],
            _ => [(byte)(mark | 127), .. length],
        };
        return [(byte)((isLast ? 0x80 : 0) | opcode), .. head, .. mask, .. payload];
    }
}
