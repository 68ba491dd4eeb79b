using System.Text.Json;

namespace LlmProxy.Tests.Dispatching.Sinks;

/// <summary>
/// What a documented form looks like, held strictly: types, members that must be there, and no other members.
/// </summary>
internal abstract class Shape
{
    public static readonly Shape Text = new Kinds("a string", JsonValueKind.String);
    public static readonly Shape Number = new Kinds("a number", JsonValueKind.Number);
    public static readonly Shape Flag = new Kinds("a boolean", JsonValueKind.True, JsonValueKind.False);
    public static readonly Shape Null = new Kinds("null", JsonValueKind.Null);
    public static readonly Shape Anything = new Rule("anything", static _ => true);
    public static readonly Shape AnyObject = new Kinds("an object", JsonValueKind.Object);
    public static readonly Shape Scalar = new Kinds(
        "a string, number or boolean",
        JsonValueKind.String,
        JsonValueKind.Number,
        JsonValueKind.True,
        JsonValueKind.False);

    /// <summary>A whole number that is not negative.</summary>
    public static readonly Shape Count = new Rule(
        "a whole number from 0 up",
        static value => value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) && number >= 0);

    /// <summary>RFC 3339, in UTC.</summary>
    public static readonly Shape Instant = new Rule(
        "a time in UTC",
        static value => value.ValueKind == JsonValueKind.String && value.GetString()!.EndsWith('Z')
            && value.TryGetDateTimeOffset(out _));

    public static Shape Of(params string[] words) => new Rule(
        $"one of {string.Join(", ", words)}",
        value => value.ValueKind == JsonValueKind.String && words.Contains(value.GetString(), StringComparer.Ordinal));

    public static Shape TextThat(string said, Func<string, bool> holds) => new Rule(
        said, value => value.ValueKind == JsonValueKind.String && holds(value.GetString()!));

    public static Shape List(Shape item) => new Items(item);

    public static Shape Map(Shape value) => new MembersOf(value);

    public static Shape Either(params Shape[] shapes) => new AnyOf(shapes);

    /// <summary>Members whose name ends in a question mark may be missing; others may not be there.</summary>
    public static Shape Object(params (string Name, Shape Shape)[] members) => new Members(members);

    /// <summary>All that is wrong with the value; empty when nothing is.</summary>
    public IReadOnlyList<string> FaultsOf(JsonElement value) => [.. Find(value, "$")];

    protected abstract IEnumerable<string> Find(JsonElement value, string path);

    private sealed class Kinds(string said, params JsonValueKind[] kinds) : Shape
    {
        protected override IEnumerable<string> Find(JsonElement value, string path) =>
            kinds.Contains(value.ValueKind) ? [] : [$"{path} is not {said}, but {value.ValueKind}"];
    }

    private sealed class Rule(string said, Func<JsonElement, bool> holds) : Shape
    {
        protected override IEnumerable<string> Find(JsonElement value, string path) =>
            holds(value) ? [] : [$"{path} is not {said}, but {value.GetRawText()}"];
    }

    private sealed class Items(Shape item) : Shape
    {
        protected override IEnumerable<string> Find(JsonElement value, string path) =>
            value.ValueKind == JsonValueKind.Array
                ? value.EnumerateArray().SelectMany((one, index) => item.Find(one, $"{path}[{index}]"))
                : [$"{path} is not a list, but {value.ValueKind}"];
    }

    private sealed class MembersOf(Shape shape) : Shape
    {
        protected override IEnumerable<string> Find(JsonElement value, string path) =>
            value.ValueKind == JsonValueKind.Object
                ? value.EnumerateObject().SelectMany(member => shape.Find(member.Value, $"{path}.{member.Name}"))
                : [$"{path} is not an object, but {value.ValueKind}"];
    }

    private sealed class AnyOf(Shape[] shapes) : Shape
    {
        protected override IEnumerable<string> Find(JsonElement value, string path)
        {
            var faults = shapes.Select(shape => shape.Find(value, path).ToList()).ToList();
            return faults.Exists(static list => list.Count == 0) ? [] : faults.MinBy(static list => list.Count)!;
        }
    }

    private sealed class Members((string Name, Shape Shape)[] members) : Shape
    {
        protected override IEnumerable<string> Find(JsonElement value, string path)
        {
            if (value.ValueKind != JsonValueKind.Object)
            {
                return [$"{path} is not an object, but {value.ValueKind}"];
            }

            var known = members.ToDictionary(
                static member => member.Name.TrimEnd('?'), static member => member.Shape, StringComparer.Ordinal);
            var there = value.EnumerateObject().ToList();
            var twice = there.GroupBy(static member => member.Name, StringComparer.Ordinal)
                .Where(static group => group.Count() > 1)
                .Select(group => $"{path}.{group.Key} is there twice");
            var unknown = there.Where(member => !known.ContainsKey(member.Name))
                .Select(member => $"{path}.{member.Name} is not known");
            var missing = members
                .Where(member => !member.Name.EndsWith('?') && !value.TryGetProperty(member.Name, out _))
                .Select(member => $"{path}.{member.Name} is missing");
            var wrong = there.Where(member => known.ContainsKey(member.Name))
                .SelectMany(member => known[member.Name].Find(member.Value, $"{path}.{member.Name}"));
            return [.. twice, .. unknown, .. missing, .. wrong];
        }
    }
}
