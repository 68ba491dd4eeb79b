using System.Globalization;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using LlmProxy.Http;

namespace LlmProxy.Management;

/// <summary>
/// Reads the body of a management request. What is not exactly one JSON object with known members of the right
/// types, each given once, is refused with the name of the member: a misspelt limit that is silently ignored
/// would be no limit.
/// </summary>
internal static class StrictJson
{
    public const int BodyBytesMax = 64 * 1024;

    // Members are flat, or lists of texts; the reader goes deeper to see what a member is where it must not be. Only
    // what may be any JSON may be as deep as readers allow by themselves.
    private const int DepthMax = 4;
    private const int AnyDepthMax = 64;
    private const int ShownCharactersMax = 64;

    public static async ValueTask<JsonBody<T>> ReadAsync<T>(HttpRequest request, JsonTypeInfo<T> type)
        where T : class
    {
        if (!IsPlainJson(request))
        {
            return JsonBody<T>.Refused(Problems.UnsupportedMediaType);
        }

        if (request.ContentLength > BodyBytesMax)
        {
            return JsonBody<T>.Refused(Problems.BodyTooLarge);
        }

        var buffer = new byte[(request.ContentLength ?? BodyBytesMax) + 1];
        var length = await request.Body.ReadAtLeastAsync(
            buffer, buffer.Length, throwOnEndOfStream: false, request.HttpContext.RequestAborted);
        return length > BodyBytesMax
            ? JsonBody<T>.Refused(Problems.BodyTooLarge)
            : Parse(buffer.AsSpan(0, length), type);
    }

    private static bool IsPlainJson(HttpRequest request) =>
        request.Headers.ContentEncoding.Count == 0
        && MediaTypeHeaderValue.TryParse(request.ContentType, out var type)
        && string.Equals(type.MediaType, "application/json", StringComparison.OrdinalIgnoreCase)
        && (type.CharSet is null || string.Equals(type.CharSet.Trim('"'), "utf-8", StringComparison.OrdinalIgnoreCase));

    private static JsonBody<T> Parse<T>(ReadOnlySpan<byte> json, JsonTypeInfo<T> type)
        where T : class
    {
        var given = new HashSet<string>(StringComparer.Ordinal);
        try
        {
            var problem = Inspect(json, type, given) ?? FindMissing(type, given);
            return problem is null
                ? JsonBody<T>.Of(JsonSerializer.Deserialize(json, type)!, given)
                : JsonBody<T>.Refused(problem);
        }
        catch (JsonException failure)
        {
            return JsonBody<T>.Refused(Describe(failure, type));
        }
        catch (InvalidOperationException)
        {
            // What Utf8JsonReader throws for an escape or a byte sequence that is no Unicode text.
            return JsonBody<T>.Refused(Problems.InvalidJson("The body holds text that is not valid Unicode."));
        }
    }

    /// <summary>
    /// Looks at the members before the serializer does. It knows which member is at fault, where the serializer
    /// only has a sentence for people, and it finds out which members were given, so that a change can tell
    /// "absent" from "null".
    /// </summary>
    private static Problem? Inspect(ReadOnlySpan<byte> json, JsonTypeInfo type, HashSet<string> given)
    {
        var reader = new Utf8JsonReader(json, new JsonReaderOptions
        {
            MaxDepth = type.Properties.Any(IsAnything) ? AnyDepthMax : DepthMax,
        });
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
        {
            return Problems.InvalidJson("The body must be a JSON object.");
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.GetString()!;
            if (Find(type, name) is not { } member)
            {
                return Problems.UnknownMember(Shown(name));
            }

            if (!given.Add(name))
            {
                return Problems.DuplicateMember(name);
            }

            reader.Read();
            if (InspectValue(ref reader, member) is { } problem)
            {
                return problem;
            }
        }

        // Whatever follows the object makes this throw.
        reader.Read();
        return null;
    }

    private static Problem? InspectValue(ref Utf8JsonReader reader, JsonPropertyInfo member)
    {
        switch (reader.TokenType)
        {
            case JsonTokenType.Null when !member.IsSetNullable:
                return Problems.InvalidField(member.Name, Expectation(member));
            case JsonTokenType.Number when member.PropertyType == typeof(string):
                return Problems.InvalidField(member.Name, $"{Expectation(member)}: put the number into quotes");
            case JsonTokenType.String when !IsAnything(member):
                return FaultOfText(ref reader, member);
            case JsonTokenType.StartArray when member.PropertyType == typeof(IReadOnlyList<string>):
                return InspectList(ref reader, member);
            default:
                reader.Skip();
                return null;
        }
    }

    private static Problem? InspectList(ref Utf8JsonReader reader, JsonPropertyInfo member)
    {
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            var problem = reader.TokenType == JsonTokenType.String
                ? FaultOfText(ref reader, member)
                : Problems.InvalidField(member.Name, Expectation(member));
            if (problem is not null)
            {
                return problem;
            }
        }

        return null;
    }

    private static Problem? FaultOfText(ref Utf8JsonReader reader, JsonPropertyInfo member) =>
        HoldsControls(reader.GetString()!)
            ? Problems.InvalidField(member.Name, "not hold control characters")
            : null;

    private static Problem? FindMissing(JsonTypeInfo type, HashSet<string> given)
    {
        var missing = type.Properties.FirstOrDefault(member => member.IsRequired && !given.Contains(member.Name));
        return missing is null ? null : Problems.MissingField(missing.Name);
    }

    private static bool IsAnything(JsonPropertyInfo member) => member.PropertyType == typeof(JsonElement?);

    private static JsonPropertyInfo? Find(JsonTypeInfo type, string name) =>
        type.Properties.FirstOrDefault(member => member.Name == name);

    private static Problem Describe(JsonException failure, JsonTypeInfo type) =>
        failure.Path is ['$', '.', .. var path] && Find(type, path.Split('.', '[')[0]) is { } member
            ? Problems.InvalidField(member.Name, Expectation(member))
            : Problems.InvalidJson(
                $"The body is not valid JSON at line {failure.LineNumber + 1}, byte {failure.BytePositionInLine + 1}.");

    private static string Expectation(JsonPropertyInfo member)
    {
        var type = Nullable.GetUnderlyingType(member.PropertyType) ?? member.PropertyType;
        var expected = type switch
        {
            _ when type == typeof(bool) => "be true or false",
            _ when type == typeof(long) => "be a whole number",
            _ when type == typeof(Guid) => "be a UUID",
            _ when type == typeof(IReadOnlyList<string>) => "be a list of strings",
            _ when type == typeof(IReadOnlyDictionary<string, string>) => "be an object of strings",
            _ => "be a string",
        };
        return member.IsSetNullable ? $"{expected} or null" : expected;
    }

    private static bool HoldsControls(string text) =>
        text.Any(character => char.GetUnicodeCategory(character)
            is UnicodeCategory.Control or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator);

    private static string Shown(string name) =>
        name.Length <= ShownCharactersMax ? name : string.Concat(name.AsSpan(0, ShownCharactersMax), "…");
}

/// <summary>A body that was read, or the problem it has.</summary>
internal sealed class JsonBody<T>
    where T : class
{
    private readonly T? _value;
    private readonly HashSet<string> _given;

    private JsonBody(T? value, HashSet<string> given, Problem? problem) =>
        (_value, _given, Problem) = (value, given, problem);

    public Problem? Problem { get; }

    /// <summary>The body. Ask for <see cref="Problem"/> first.</summary>
    public T Value => _value ?? throw new InvalidOperationException("The body was refused.");

    /// <summary>How many members were given.</summary>
    public int MemberCount => _given.Count;

    /// <summary>The member stands in the body, if only as null.</summary>
    public bool Has(string member) => _given.Contains(member);

    public static JsonBody<T> Of(T value, HashSet<string> given) => new(value, given, problem: null);

    public static JsonBody<T> Refused(Problem problem) => new(value: null, [], problem);
}
