using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Unicode;
using Microsoft.Net.Http.Headers;

namespace LlmProxy.Usage.Counting;

/// <summary>
/// Reads <see cref="RequestFacts"/> from multipart/form-data (RFC 7578). Stricter than most servers: what two of them
/// might cut into different parts is no form.
/// </summary>
internal static class FormFacts
{
    private const int PartsMax = 256;
    private const int HeaderBytesMax = 4096;
    private const int FieldBytesMax = 4 * ModelNames.CharactersMax;

    public static RequestFacts Read(ApiShape shape, string boundary, in ReadOnlySequence<byte> body)
    {
        var facts = new RequestFacts(BodyFault.None);
        var delimiter = Encoding.ASCII.GetBytes("\r\n--" + boundary);
        var reader = new SequenceReader<byte>(body);
        if (!reader.IsNext(delimiter.AsSpan(2), advancePast: true))
        {
            return new RequestFacts(BodyFault.NotForm);
        }

        var seen = new HashSet<string>(StringComparer.Ordinal);
        for (var parts = 0; parts < PartsMax; parts++)
        {
            if (reader.IsNext("--"u8))
            {
                return facts;
            }

            if (!reader.IsNext("\r\n"u8, advancePast: true)
                || !TryReadTo(ref reader, delimiter, out var part)
                || NameOf(part, out var content) is not { } name)
            {
                return new RequestFacts(BodyFault.NotForm);
            }

            facts = Take(facts, shape, name, content, seen);
            if (facts.Fault != BodyFault.None)
            {
                return facts;
            }
        }

        return new RequestFacts(BodyFault.NotForm);
    }

    private static RequestFacts Take(
        in RequestFacts facts, ApiShape shape, string name, in ReadOnlySequence<byte> content, HashSet<string> seen)
    {
        if (name is not ("model" or "stream" or "n"))
        {
            return name switch
            {
                "prompt" => facts,
                "image" or "image[]" or "mask" => facts with { Images = facts.Images + 1 },
                _ when shape == ApiShape.Transcription && name == "file" => facts with { HasUnseenContext = true },
                _ => facts,
            };
        }

        if (!seen.Add(name))
        {
            return new RequestFacts(BodyFault.Repeated);
        }

        if (content.Length > FieldBytesMax)
        {
            return new RequestFacts(name == "model" ? BodyFault.LongModel : BodyFault.Unclear);
        }

        Span<byte> text = stackalloc byte[(int)content.Length];
        content.CopyTo(text);
        if (!Utf8.IsValid(text))
        {
            return new RequestFacts(BodyFault.NotUtf8);
        }

        return name switch
        {
            "model" => Encoding.UTF8.GetCharCount(text) <= ModelNames.CharactersMax
                ? facts with { Model = ModelNames.Of(text) }
                : new RequestFacts(BodyFault.LongModel),
            "stream" => facts with { IsStream = Ascii.EqualsIgnoreCase(text, "true"u8) || text.SequenceEqual("1"u8) },
            _ => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var choices)
                ? facts with { Choices = Math.Max(1, choices) }
                : new RequestFacts(BodyFault.Unclear),
        };
    }

    private static bool TryReadTo(
        ref SequenceReader<byte> reader, byte[] delimiter, out ReadOnlySequence<byte> part) =>
        reader.TryReadTo(out part, delimiter, advancePastDelimiter: true);

    /// <summary>Null for a part without a name in it, or with anything that is not plain.</summary>
    private static string? NameOf(in ReadOnlySequence<byte> part, out ReadOnlySequence<byte> content)
    {
        content = default;
        var reader = new SequenceReader<byte>(part);
        if (!reader.TryReadTo(out ReadOnlySequence<byte> headers, "\r\n\r\n"u8, advancePastDelimiter: true)
            || headers.Length > HeaderBytesMax)
        {
            return null;
        }

        content = reader.UnreadSequence;
        string? name = null;
        foreach (var line in Encoding.Latin1.GetString(headers).Split("\r\n"))
        {
            var colon = line.IndexOf(':', StringComparison.Ordinal);
            if (colon <= 0 || line[0] is ' ' or '\t' || line.AsSpan().ContainsAny('\r', '\n', '\0')
                || line.StartsWith("content-transfer-encoding", StringComparison.OrdinalIgnoreCase))
            {
                return null;
            }

            if (!line.AsSpan(0, colon).Equals("content-disposition", StringComparison.OrdinalIgnoreCase))
            {
                continue;
            }

            if (name is not null || !ContentDispositionHeaderValue.TryParse(line[(colon + 1)..], out var disposition)
                || !disposition.DispositionType.Equals("form-data", StringComparison.OrdinalIgnoreCase)
                || disposition.Parameters.Count(static parameter =>
                    parameter.Name.StartsWith("name", StringComparison.OrdinalIgnoreCase)) != 1)
            {
                return null;
            }

            name = HeaderUtilities.RemoveQuotes(disposition.Name).Value;
            if (name is null || IsOddlySpelled(name))
            {
                return null;
            }
        }

        return name;
    }

    /// <summary>Whether some servers read another name there: escapes, encodings, and spellings of ours.</summary>
    private static bool IsOddlySpelled(string name) =>
        name.AsSpan().ContainsAny('\\', '%', '"') || name.Contains("=?", StringComparison.Ordinal)
        || (name != "model" && name.Trim().TrimEnd('[', ']').Equals("model", StringComparison.OrdinalIgnoreCase));
}
