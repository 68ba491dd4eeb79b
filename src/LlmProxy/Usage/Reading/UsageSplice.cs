using System.Buffers;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace LlmProxy.Usage.Reading;

/// <summary>
/// How a streamed chat completion's request is made to ask for usage: some bytes that go in at one place. All others
/// stay as they are.
/// </summary>
/// <param name="Offset">So many bytes of the body come before them.</param>
/// <param name="Bytes">What goes in.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct UsageSplice(long Offset, ReadOnlyMemory<byte> Bytes)
{
    private static readonly byte[] WholeMember = "\"stream_options\":{\"include_usage\":true},"u8.ToArray();
    private static readonly byte[] First = "\"include_usage\":true,"u8.ToArray();
    private static readonly byte[] Only = "\"include_usage\":true"u8.ToArray();

    private static readonly JsonReaderOptions StrictJson = new() { MaxDepth = JsonScan.DepthMax };

    /// <summary>
    /// Null when the request streams nothing, has its own say about usage, or cannot be read in exactly one way.
    /// </summary>
    public static UsageSplice? For(in ReadOnlySequence<byte> body)
    {
        try
        {
            return Find(body);
        }
        catch (Exception failure) when (failure is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    private static UsageSplice? Find(in ReadOnlySequence<byte> body)
    {
        var reader = new Utf8JsonReader(body, StrictJson);
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
        {
            return null;
        }

        UsageSplice? splice = new UsageSplice(reader.BytesConsumed, WholeMember);
        var (isStream, hasOptions) = (false, false);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("stream"u8))
            {
                if (!reader.Read() || isStream || reader.TokenType != JsonTokenType.True)
                {
                    return null;
                }

                isStream = true;
            }
            else if (reader.ValueTextEquals("stream_options"u8))
            {
                reader.Read();
                splice = hasOptions ? null : InOptions(ref reader);
                hasOptions = true;
                if (splice is null)
                {
                    return null;
                }
            }
            else
            {
                reader.Skip();
            }
        }

        // Throws when anything but white space follows the object.
        return reader.Read() || !isStream ? null : splice;
    }

    private static UsageSplice? InOptions(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            return null;
        }

        var (offset, isEmpty) = (reader.BytesConsumed, true);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("include_usage"u8))
            {
                return null;
            }

            isEmpty = false;
            reader.Skip();
        }

        return new UsageSplice(offset, isEmpty ? Only : First);
    }
}
