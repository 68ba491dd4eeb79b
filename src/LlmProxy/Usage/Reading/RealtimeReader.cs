using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace LlmProxy.Usage.Reading;

internal enum RealtimeTurnKind : byte
{
    /// <summary>A response has begun.</summary>
    Created,

    /// <summary>A response is over.</summary>
    Done,

    /// <summary>Another model has written down what was said; its usage comes on top.</summary>
    Transcribed,

    /// <summary>The messages are compressed, or no WebSocket frames: nothing more will be read.</summary>
    Unreadable,
}

/// <summary>What a realtime connection has told about one response.</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct RealtimeTurn(RealtimeTurnKind Kind, UsageReport Usage, UsageFaults Faults);

/// <summary>
/// Reads what a provider says over a WebSocket (RFC 6455) in OpenAI's Realtime protocol, while its bytes pass after
/// the head of the 101. Never throws, and holds no message.
/// </summary>
internal sealed class RealtimeReader : IDisposable
{
    /// <summary>More turns than a relayed piece of bytes holds; see <see cref="Enqueue"/>.</summary>
    public const int TurnsMax = 64;

    private const int HeadBytesMin = 2;
    private const int HeadBytesMax = 14;
    private const int MaskBytes = 4;
    private const int UnmaskedBytesMax = 1024;

    private readonly AnswerWalk _walk = new(collectsText: false);
    private readonly Queue<RealtimeTurn> _turns = new();
    private readonly byte[] _head = new byte[HeadBytesMax];
    private readonly byte[] _mask = new byte[MaskBytes];

    private RealtimeTurn? _moreDone;
    private RealtimeTurn? _moreTranscribed;
    private int _headLength;
    private ulong _left;
    private int _maskAt;
    private bool _isInPayload;
    private bool _isMasked;
    private bool _isControl;
    private bool _isLast;
    private bool _isText;

    /// <summary>The model of the session as the provider last named it.</summary>
    public string? Model { get; private set; }

    public bool IsUnreadable { get; private set; }

    public void Read(ReadOnlySpan<byte> piece)
    {
        while (!piece.IsEmpty && !IsUnreadable)
        {
            if (!_isInPayload)
            {
                _head[_headLength++] = piece[0];
                piece = piece[1..];
                if (_headLength >= HeadBytesMin && _headLength == HeadBytes)
                {
                    BeginFrame();
                }

                continue;
            }

            var part = piece[..(int)Math.Min(_left, (ulong)piece.Length)];
            piece = piece[part.Length..];
            _left -= (ulong)part.Length;
            ReadPayload(part);
            if (_left == 0)
            {
                EndFrame();
            }
        }
    }

    /// <summary>The next turn that was not taken yet, in their order.</summary>
    public bool TryTake(out RealtimeTurn turn) =>
        _turns.TryDequeue(out turn) || TryTake(ref _moreDone, out turn) || TryTake(ref _moreTranscribed, out turn);

    public void Dispose() => _walk.Dispose();

    /// <summary>The length of the frame's head, as its first two bytes tell (section 5.2).</summary>
    private int HeadBytes => HeadBytesMin + LengthBytes + ((_head[1] & 0x80) != 0 ? MaskBytes : 0);

    private int LengthBytes => (_head[1] & 0x7F) switch
    {
        126 => sizeof(ushort),
        127 => sizeof(ulong),
        _ => 0,
    };

    private void BeginFrame()
    {
        var opcode = _head[0] & 0xF;
        if ((_head[0] & 0x70) != 0 || opcode is (> 2 and < 8) or > 10)
        {
            // A reserved bit is set by an extension only, of which compression (RFC 7692) is the common one.
            IsUnreadable = true;
            Enqueue(new RealtimeTurn(RealtimeTurnKind.Unreadable, default, UsageFaults.Unreadable));
            return;
        }

        var length = _head.AsSpan(HeadBytesMin, LengthBytes);
        _left = length.Length switch
        {
            0 => (ulong)(_head[1] & 0x7F),
            sizeof(ushort) => BinaryPrimitives.ReadUInt16BigEndian(length),
            _ => BinaryPrimitives.ReadUInt64BigEndian(length),
        };
        _isMasked = (_head[1] & 0x80) != 0;
        if (_isMasked)
        {
            _head.AsSpan(_headLength - MaskBytes, MaskBytes).CopyTo(_mask);
        }

        _isControl = opcode >= 8;
        _isLast = (_head[0] & 0x80) != 0;
        if (!_isControl && opcode != 0)
        {
            _isText = opcode == 1;
            _walk.EndDocument();
        }

        (_headLength, _maskAt, _isInPayload) = (0, 0, true);
        if (_left == 0)
        {
            EndFrame();
        }
    }

    private void ReadPayload(ReadOnlySpan<byte> part)
    {
        if (_isControl || !_isText)
        {
            return;
        }

        if (!_isMasked)
        {
            _walk.Read(part);
            return;
        }

        Span<byte> unmasked = stackalloc byte[UnmaskedBytesMax];
        while (!part.IsEmpty)
        {
            var masked = part[..Math.Min(part.Length, unmasked.Length)];
            for (var index = 0; index < masked.Length; index++)
            {
                unmasked[index] = (byte)(masked[index] ^ _mask[_maskAt]);
                _maskAt = (_maskAt + 1) % MaskBytes;
            }

            _walk.Read(unmasked[..masked.Length]);
            part = part[masked.Length..];
        }
    }

    private void EndFrame()
    {
        _isInPayload = false;
        if (_isControl || !_isLast)
        {
            return;
        }

        if (_isText && _walk.IsDone)
        {
            Tell();
        }

        _isText = false;
        _walk.EndDocument();
        _walk.ResetAnswer();
    }

    private void Tell()
    {
        var usage = _walk.Report(out var faults);
        switch (_walk.Kind)
        {
            case EventKind.Session:
                Model = _walk.Model ?? Model;
                break;
            case EventKind.ResponseCreated:
                Enqueue(new RealtimeTurn(RealtimeTurnKind.Created, default, UsageFaults.None));
                break;
            case EventKind.ResponseDone:
                Enqueue(new RealtimeTurn(RealtimeTurnKind.Done, usage, faults));
                break;
            case EventKind.Transcribed:
                Enqueue(new RealtimeTurn(RealtimeTurnKind.Transcribed, usage, faults));
                break;
            default:
                break;
        }
    }

    /// <summary>
    /// When nobody takes the turns, what they have used is added up, so that none of it is lost; that one has begun
    /// is forgotten.
    /// </summary>
    private void Enqueue(RealtimeTurn turn)
    {
        if (_turns.Count < TurnsMax)
        {
            _turns.Enqueue(turn);
            return;
        }

        switch (turn.Kind)
        {
            case RealtimeTurnKind.Done:
                _moreDone = Sum(_moreDone, turn);
                break;
            case RealtimeTurnKind.Transcribed:
                _moreTranscribed = Sum(_moreTranscribed, turn);
                break;
            default:
                break;
        }
    }

    private static bool TryTake(ref RealtimeTurn? more, out RealtimeTurn turn)
    {
        turn = more ?? default;
        var wasThere = more is not null;
        more = null;
        return wasThere;
    }

    private static RealtimeTurn Sum(RealtimeTurn? earlier, RealtimeTurn turn)
    {
        if (earlier is not { } one)
        {
            return turn;
        }

        var (a, b) = (one.Usage, turn.Usage);
        var usage = new UsageReport(
            a.Source == UsageSource.Unknown ? b.Source : a.Source,
            a.Prompt + b.Prompt,
            a.Completion + b.Completion,
            a.Cached + b.Cached,
            a.CacheWritten + b.CacheWritten,
            a.AudioPrompt + b.AudioPrompt,
            a.Reasoning + b.Reasoning,
            a.AudioCompletion + b.AudioCompletion);
        return turn with { Usage = usage, Faults = one.Faults | turn.Faults };
    }
}
