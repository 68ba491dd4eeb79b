using Xunit;
using YamlDotNet.RepresentationModel;

namespace LlmProxy.Tests;

/// <summary>The files with which the program is delivered, as values and lists of text.</summary>
internal static class Deployment
{
    /// <summary>Name of the file and what stands in it.</summary>
    public static async Task<IReadOnlyList<(string File, YamlMap Content)>> WorkflowsAsync()
    {
        var workflows = new List<(string File, YamlMap Content)>();
        foreach (var path in Directory.EnumerateFiles(Repository.PathOf(".github/workflows")))
        {
            workflows.Add((Path.GetFileName(path), await YamlAsync(path)));
        }

        return workflows;
    }

    public static async Task<IReadOnlyList<(string Name, YamlMap Service)>> ServicesAsync()
    {
        var compose = await YamlAsync(Repository.PathOf("docker-compose.yml"));
        var services = compose.Map("services");
        return [.. services.Names.Select(name => (name, services.Map(name)))];
    }

    /// <summary>The instructions, each on one line, without comments.</summary>
    public static async Task<IReadOnlyList<string>> DockerfileAsync()
    {
        var text = await Repository.ReadAsync("Dockerfile");
        var lines = text.Split('\n').Where(static line => !line.StartsWith('#'));
        return [.. string.Join('\n', lines).Replace("\\\n", " ", StringComparison.Ordinal)
            .Split('\n', StringSplitOptions.RemoveEmptyEntries)];
    }

    /// <summary>What a unit file says, in order: section, name, value.</summary>
    public static async Task<IReadOnlyList<(string Section, string Name, string Value)>> UnitAsync(string file)
    {
        var section = string.Empty;
        var said = new List<(string Section, string Name, string Value)>();
        foreach (var line in (await Repository.ReadAsync(file)).Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            if (line.StartsWith('['))
            {
                section = line.Trim('[', ']');
            }
            else if (!line.StartsWith('#'))
            {
                var equals = line.IndexOf('=', StringComparison.Ordinal);
                said.Add((section, line[..equals], line[(equals + 1)..]));
            }
        }

        return said;
    }

    private static async Task<YamlMap> YamlAsync(string path)
    {
        var text = await File.ReadAllTextAsync(path, TestContext.Current.CancellationToken);
        var stream = new YamlStream();
        stream.Load(new StringReader(text));
        return new YamlMap(Assert.IsType<YamlMappingNode>(Assert.Single(stream.Documents).RootNode));
    }
}

/// <summary>A mapping of YAML, with what it takes over from another one. What is not there is empty.</summary>
internal sealed class YamlMap(YamlMappingNode node)
{
    private const string TakesOver = "<<";

    public IEnumerable<string> Names => node.Children.Keys.Select(TextOf)
        .Where(static name => name != TakesOver)
        .Concat(Other?.Names ?? [])
        .Distinct(StringComparer.Ordinal);

    private YamlMap? Other => Own(TakesOver) is YamlMappingNode other ? new YamlMap(other) : null;

    public YamlMap Map(string name) => new(Find(name) as YamlMappingNode ?? []);

    /// <summary>The elements of a list that are mappings.</summary>
    public IEnumerable<YamlMap> Maps(string name) =>
        (Find(name) as YamlSequenceNode ?? []).OfType<YamlMappingNode>().Select(static child => new YamlMap(child));

    public IReadOnlyList<string> Texts(string name) => [.. (Find(name) as YamlSequenceNode ?? []).Select(TextOf)];

    public string Text(string name) => Find(name) is { } found ? TextOf(found) : string.Empty;

    private static string TextOf(YamlNode node) => (node as YamlScalarNode)?.Value ?? string.Empty;

    private YamlNode? Find(string name) => Own(name) ?? Other?.Find(name);

    private YamlNode? Own(string name) =>
        node.Children.FirstOrDefault(child => TextOf(child.Key) == name).Value;
}
