namespace LlmProxy.EndToEnd.Fixtures;

/// <summary>A folder of a test's own, gone when the test is.</summary>
internal sealed class TempFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("llm-proxy-e2e-").FullName;

    public string File(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>Writes a file into the folder and answers its full path.</summary>
    public async Task<string> WriteAsync(string name, string content)
    {
        await System.IO.File.WriteAllTextAsync(File(name), content, TestContext.Current.CancellationToken);
        return File(name);
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
